/** Keeps what the pins of running pods mean. Admission itself writes nothing: a dry run is like any other. */
import type { Clock } from '../../shared/clock.ts'
import { NotFoundError, UsageError } from '../../shared/errors.ts'
import { BackOff } from '../../shared/patience.ts'
import { parsePin, requestText, type Pin } from '../../shared/pin.ts'
import { KEY } from '../../shared/sidecar-contract.ts'
import type { KeptPins } from '../admission/kept-pins.ts'
import type { PinnedStream, PinResolver } from '../inject/pin-resolver.ts'
import { Bounded } from './bounded.ts'
import type { PodFacts } from './pod-facts.ts'
import { Turns } from './turns.ts'

export interface PinKeeperSeams {
  readonly kept: KeptPins
  /** By the store. */
  readonly resolve: PinResolver
  readonly clock: Clock
  /** It cannot be kept now, and is tried again. */
  readonly onError: (error: unknown) => void
}

interface Wanted {
  readonly stream: PinnedStream
  readonly pin: Pin
  readonly pinText: string
  readonly restoreRequest: string | null
}

const FIRST_WAIT_MS = 5_000
const MOST = 20_000

export class PinKeeper {
  readonly #seams: PinKeeperSeams
  readonly #seen = new Bounded<string, AbortSignal>(MOST)
  /** However many pods there are, the store is asked one thing at a time. */
  readonly #turns = new Turns()

  constructor(seams: PinKeeperSeams) {
    this.#seams = seams
  }

  /** @param signal ends this term of leading. */
  see(pod: PodFacts, signal: AbortSignal): void {
    const wanted = wantedOf(pod)
    if (wanted === undefined) return
    const key = JSON.stringify([wanted.stream, wanted.pinText, wanted.restoreRequest])
    if (this.#seen.get(key) === signal) return
    this.#seen.set(key, signal)
    void this.#keepAtLast(wanted, signal)
  }

  async #keepAtLast(wanted: Wanted, signal: AbortSignal): Promise<void> {
    for (const backOff = new BackOff(FIRST_WAIT_MS); !signal.aborted;) {
      try {
        return await this.#turns.take(() => this.#keep(wanted, signal))
      } catch (error) {
        // The version has been pruned since: nobody will ever know.
        if (error instanceof NotFoundError) return
        this.#seams.onError(error)
      }
      await this.#seams.clock.sleep(backOff.nextMs(), signal)
    }
  }

  async #keep(wanted: Wanted, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const { kept, resolve } = this.#seams
    const { stream, pin, pinText, restoreRequest } = wanted
    const request = requestText(pinText, restoreRequest)
    if ((await kept.read(stream, request)) !== undefined) return
    await kept.keep(stream, request, await resolve(stream, pin, pinText, restoreRequest))
  }
}

/**
 * Undefined: nothing is to be kept of the pod, or not yet. A version and a tag mean the same for ever; `latest` and a
 * time only once the log has recorded what they were resolved to.
 */
export function wantedOf({ namespace, admitted, marks }: PodFacts): Wanted | undefined {
  if (admitted === null || admitted.pin === null) return undefined
  const { app, slot, store, pin: pinText, restoreRequest } = admitted
  const pin = readPin(pinText)
  if (pin === undefined || pin.kind === 'fresh') return undefined
  const isRecorded =
    marks[KEY.restored]?.startsWith(`${requestText(pinText, restoreRequest)}=`) === true
  if ((pin.kind === 'latest' || pin.kind === 'time') && !isRecorded) return undefined
  return { stream: { namespace, app, slot, store }, pin, pinText, restoreRequest }
}

function readPin(text: string): Pin | undefined {
  try {
    return parsePin(text)
  } catch (error) {
    if (error instanceof UsageError) return undefined
    throw error
  }
}
