import { UsageError } from '../../shared/errors.ts'
import type { Pod } from './pod-spec.ts'

/** A `fieldRef` as an environment variable sees it. An absent label or annotation is empty. */
export function podField(pod: Pod, nodeName: string, fieldPath: string): string {
  const { metadata } = pod
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath)
  if (keyed) return metadata[keyed[1] as 'labels' | 'annotations'][keyed[2] ?? ''] ?? ''
  const fields: Record<string, string> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid ?? '',
    'spec.nodeName': nodeName,
  }
  const value = fields[fieldPath]
  if (value !== undefined) return value
  throw new UsageError(
    `the pod runner has no field ${fieldPath}; allowed are ${Object.keys(fields).join(', ')}, metadata.labels['x'] and metadata.annotations['x']`,
  )
}

/** A file of a downwardAPI volume: all labels or annotations in the kubelet's format, or one field. */
export function downwardFile(pod: Pod, nodeName: string, fieldPath: string): string {
  if (fieldPath === 'metadata.labels') return formatMap(pod.metadata.labels)
  if (fieldPath === 'metadata.annotations') return formatMap(pod.metadata.annotations)
  return podField(pod, nodeName, fieldPath)
}

/** `key="value"` lines by key, the value quoted as Go does, no newline at the end. */
function formatMap(map: Readonly<Record<string, string>>): string {
  const keys = Object.keys(map).toSorted()
  return keys.map((key) => `${key}=${quoteLikeGo(map[key] ?? '')}`).join('\n')
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

export function quoteLikeGo(text: string): string {
  return `"${Array.from(text, escapeLikeGo).join('')}"`
}

function escapeLikeGo(character: string): string {
  const short = SHORT_ESCAPES[character]
  if (short !== undefined) return short
  // What Go's unicode.IsPrint lets through: the ASCII space is its only space.
  if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character)) return character
  const code = character.codePointAt(0) ?? 0
  const hex = code.toString(16)
  if (code < 0x80) return `\\x${hex.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}
