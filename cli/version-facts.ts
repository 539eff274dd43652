/** A version as answers tell it: as JSON with stable keys, and as the phrases that several commands use. */
import type { Fault } from '../shared/repository/entry.ts'
import type { VersionRecord } from '../shared/repository/log-record.ts'
import { displayPath } from '../agent/volume/layout.ts'
import { firstLines, printablePath } from './text/names.ts'
import { formatBytes, formatCount } from './text/sizes.ts'

/** Lists of what is missing have at most so many lines. */
const LIST_LINES = 20

export function versionJson(record: VersionRecord, modifiedAt: Date) {
  return {
    version: record.n,
    time: modifiedAt.toISOString(),
    line: record.branch ? 'branch' : 'main',
    lineage: record.lineage,
    parent: record.parent === 0 ? null : record.parent,
    reason: record.reason,
    tag: record.tag,
    state: stateOf(record),
    faults: record.faults,
    ...record.counts,
    added: record.added,
    images: record.images,
  }
}

export function stateOf({ complete }: Pick<VersionRecord, 'complete'>): 'complete' | 'partial' {
  return complete ? 'complete' : 'partial'
}

/** `412 files, 88.1 MiB`. */
export function sizeText({ counts }: VersionRecord): string {
  return `${formatCount(counts.files, 'file')}, ${formatBytes(counts.bytes)}`
}

/** `12 changed, 1 gone, 3.4 MiB stored`. */
export function addedText({ added }: Pick<VersionRecord, 'added'>): string {
  return `${added.changed} changed, ${added.gone} gone, ${formatBytes(added.storedBytes)} stored`
}

export function imagesText({ images }: Pick<VersionRecord, 'images'>): string {
  return images.map(({ container, image }) => `${container}=${image}`).join(' ')
}

type Roots = readonly { readonly path: string }[]

/** Faults that make a version partial. */
export function missingOf(faults: readonly Fault[]): Fault[] {
  return faults.filter(({ kind }) => kind === 'unreadable' || kind === 'unstable')
}

/** A line for each thing that is missing, the first of them. */
export function missingLines(faults: readonly Fault[], roots: Roots): string[] {
  const lines = missingOf(faults).map((fault) => faultLine(fault, roots))
  return firstLines(lines, LIST_LINES)
}

export function faultLine({ name, kind, why }: Fault, roots: Roots): string {
  return `  ${printablePath(displayPath(roots, name))}: ${kind}, ${why}`
}

export function faultJson({ name, kind, why }: Fault, roots: Roots) {
  return { path: displayPath(roots, name), kind, why }
}
