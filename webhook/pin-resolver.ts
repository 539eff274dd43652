import type { Pin } from '../shared/pin.ts'
import { KEY } from '../shared/sidecar-contract.ts'
import { Refusal } from './refusal.ts'

/** What a pin means in one stream. */
export interface ResolvedPin {
  /** Null: `fresh`, or nothing of the stream is as old as the pin asks. */
  readonly version: number | null
  /** The images recorded with the version; the digest where one is known. */
  readonly images: readonly {
    readonly container: string
    readonly image: string
    readonly digest?: string
  }[]
  /** Hash of the pod template that the version was made under. */
  readonly templateHash?: string
}

/** The stream that a pod asks for; slot null: whichever it takes. */
export interface PinnedStream {
  readonly namespace: string
  readonly app: string
  readonly slot: string | null
}

/**
 * Resolves a pin without changing anything. Throws `NotFoundError` with the sentence for the refusal where the
 * version or stream does not exist; any other error means that it cannot be known now.
 */
export type PinResolver = (
  stream: PinnedStream,
  pin: Pin,
  restoreRequest: string | null,
) => Promise<ResolvedPin>

/** For a service that reads no store of its own. */
export const pinsWithoutStore: PinResolver = () =>
  Promise.reject(
    new Refusal(
      `this service reads no store, so it cannot resolve ${KEY.restore}; take the label off, or have an administrator set the service's store`,
      503,
    ),
  )
