/** What a pod template asks to be restored: the pair of pin and `restore-request`. */
import { KEY } from '../../shared/sidecar-contract.ts'
import type { Metadata } from './workload.ts'

export interface PinRequest {
  /** The label's value; undefined: no pin. */
  readonly pin: string | undefined
  /** The annotation's value; undefined: none. */
  readonly request: string | undefined
}

export function pinRequestOf(template: {
  readonly metadata?: Metadata | null | undefined
}): PinRequest {
  const { labels, annotations } = template.metadata ?? {}
  return { pin: labels?.[KEY.restore], request: annotations?.[KEY.restoreRequest] }
}

/** The pods of the one and of the other ask for the same, which is fulfilled once. */
export function isSameRequest(one: PinRequest, other: PinRequest): boolean {
  return one.pin === other.pin && one.request === other.request
}
