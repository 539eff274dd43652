/** What pins were resolved to, kept in the cluster: further pods of a pin are admitted without the store, also when the version has been pruned since. */
import { requestText } from '../../shared/pin.ts'
import type { PinnedStream, PinResolver, ResolvedPin } from '../inject/pin-resolver.ts'

/** By stream (of a slot, or of whichever a pod takes), store and request (`v42`, `v42/<restore-request>`). Throws what the API server throws. */
export interface KeptPins {
  read(stream: PinnedStream, request: string): Promise<ResolvedPin | undefined>
  /** An answer that is kept already stands. Of a namespace that has gone nothing is kept. */
  keep(stream: PinnedStream, request: string, resolved: ResolvedPin): Promise<void>
}

/** @param onError what is kept cannot be read now; the store is asked instead. */
export function keptFirst(
  kept: Pick<KeptPins, 'read'>,
  resolve: PinResolver,
  onError: (error: unknown) => void,
): PinResolver {
  return async (stream, pin, pinText, restoreRequest) => {
    const request = requestText(pinText, restoreRequest)
    const found = await kept.read(stream, request).catch((error: unknown) => {
      onError(error)
      return undefined
    })
    return found ?? resolve(stream, pin, pinText, restoreRequest)
  }
}
