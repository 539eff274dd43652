/** Which volumes can hold state, and what is to be known of them. */
import { quantityBytes, parseQuantity } from './quantity.ts'
import type { Volume } from './pod.ts'
import { Refusal } from './refusal.ts'

/** Written by Kubernetes itself, or read-only by nature: nothing in them is the app's state, and some is secret. */
const NO_STATE = ['secret', 'configMap', 'projected', 'downwardAPI', 'image'] as const
/** CSI drivers whose inline volumes are secrets. */
const SECRET_DRIVERS = ['secrets-store.csi.k8s.io', 'csi.cert-manager.io', 'csi.spiffe.io']

/** The kind for a message when `volume` is never state, else undefined. */
export function noStateKind(volume: Volume): string | undefined {
  const kind = NO_STATE.find((name) => isSet(volume[name]))
  if (kind !== undefined) return kind
  const driver = volume.csi?.driver
  return typeof driver === 'string' && SECRET_DRIVERS.includes(driver)
    ? `csi (${driver})`
    : undefined
}

export function isHostPath(volume: Volume): boolean {
  return isSet(volume.hostPath)
}

/** The volume itself is attached read-only, whatever its mounts say. */
export function isReadOnlyVolume(volume: Volume): boolean {
  const sources = Object.entries(volume).filter(([key]) => key !== 'name')
  return sources.some(([, source]) => (source as { readOnly?: unknown } | null)?.readOnly === true)
}

export interface VolumeLimits {
  /** `emptyDir.sizeLimit`; null: none. */
  readonly sizeLimitBytes: number | null
  readonly memory: boolean
}

export function volumeLimits(volume: Volume): VolumeLimits {
  const limit = volume.emptyDir?.sizeLimit
  const memory = volume.emptyDir?.medium === 'Memory'
  if (limit === undefined || limit === null) return { sizeLimitBytes: null, memory }
  const quantity = parseQuantity(limit)
  if (quantity === undefined)
    throw new Refusal(
      `volume "${volume.name}" has the sizeLimit "${limit}", which is no quantity; write it as 256Mi`,
    )
  const bytes = quantityBytes(quantity)
  return { sizeLimitBytes: bytes === 0 ? null : bytes, memory }
}

function isSet(source: unknown): boolean {
  return source !== undefined && source !== null
}
