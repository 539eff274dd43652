/** What counts for a pod, key by key: pod, then Namespace, then service, then what is built in. */
import { formatDuration } from './duration.ts'
import type { Policy } from './policy.ts'
import { BUILT_IN, type Hook, type Settings } from './settings.ts'

export type Origin = 'pod' | 'namespace' | 'service' | 'built in'

export interface Setting<T> {
  readonly value: T
  readonly origin: Origin
}

export type EffectivePolicy = { readonly [K in keyof Settings]: Setting<Settings[K]> }

export interface PolicyLayers {
  readonly pod: Policy
  readonly namespace: Policy
  readonly service: Policy
}

/** Each key on its own: the first of the layers that says it. */
export function effectivePolicy(layers: PolicyLayers): EffectivePolicy {
  const named: readonly (readonly [Origin, Policy])[] = [
    ['pod', layers.pod],
    ['namespace', layers.namespace],
    ['service', layers.service],
    ['built in', BUILT_IN],
  ]
  const settings = Object.keys(BUILT_IN).map((key) => {
    const name = key as keyof Settings
    const [origin, policy] = named.find(([, layer]) => layer[name] !== undefined) as [
      Origin,
      Policy,
    ]
    return [key, { value: policy[name], origin }]
  })
  return Object.fromEntries(settings) as EffectivePolicy
}

/** A table for people: KEY, VALUE and where the value is from. Ends without a line break. */
export function formatEffectivePolicy(policy: EffectivePolicy): string {
  const rows = Object.entries(policy).map(([key, { value, origin }]) => [
    key,
    formatValue(key, value),
    origin,
  ])
  const table = [['KEY', 'VALUE', 'FROM'], ...rows] as [string, string, string][]
  const widths = [0, 1].map((column) => Math.max(...table.map((row) => row[column]!.length)))
  return table
    .map(([key, value, from]) => `${key.padEnd(widths[0]!)}  ${value.padEnd(widths[1]!)}  ${from}`)
    .join('\n')
}

function formatValue(key: string, value: Settings[keyof Settings]): string {
  if (value === null) return '-'
  if (key === 'backup.within' || key === 'keep.all') return formatDuration(value as number)
  if (typeof value !== 'object') return String(value)
  return formatHook(value)
}

function formatHook(hook: Hook): string {
  const call = hook.http ?? JSON.stringify(hook.exec)
  return `${call} timeout ${formatDuration(hook.timeoutMs)} onError ${hook.onError}`
}
