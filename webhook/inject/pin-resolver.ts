import type { Pin } from '../../shared/pin.ts'

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
  /** What the version's files hold. */
  readonly bytes?: number
  /** Hash of the pod template that the version was made under. */
  readonly templateHash?: string
}

/** The stream that a pod asks for; slot null: whichever it takes. */
export interface PinnedStream {
  readonly namespace: string
  readonly app: string
  readonly slot: string | null
  /** The URL of its repository. */
  readonly store: string
}

/**
 * Resolves a pin without changing anything. Throws `NotFoundError` with the sentence for the refusal where the
 * version or stream does not exist; any other error means that it cannot be known now.
 */
export type PinResolver = (
  stream: PinnedStream,
  pin: Pin,
  pinText: string,
  restoreRequest: string | null,
) => Promise<ResolvedPin>
