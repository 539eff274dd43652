/** A store for one command: asked again while it does not answer, up to the command's time-out, and not any more once it was cancelled. */
import type { ObjectStore } from '../shared/object-store/object-store.ts'
import type { Patience } from '../shared/patience.ts'
import { untilReachable } from '../shared/patience.ts'
import type { Signals } from './signals.ts'
import { CancelledError } from './signals.ts'

export interface Traffic {
  /** Bytes that the store has acknowledged. */
  readonly onUploaded?: (bytes: number) => void
}

export function patientStore(
  store: ObjectStore,
  patience: Patience,
  signals: Signals,
  { onUploaded }: Traffic = {},
): ObjectStore {
  const ask = <T>(operation: () => Promise<T>): Promise<T> => {
    signals.check()
    return unlessCancelled(untilReachable(operation, patience), signals.stopped)
  }
  return {
    url: store.url,
    create: async (key, body) => {
      const made = await ask(() => store.create(key, body))
      onUploaded?.(body.length)
      return made
    },
    get: (key, range) => ask(() => store.get(key, range)),
    list: (prefix, options) => ask(() => store.list(prefix, options)),
    folders: (prefix) => ask(() => store.folders(prefix)),
    delete: (key) => ask(() => store.delete(key)),
  }
}

/**
 * A request that hangs is not waited for: whatever becomes of a write, its fate was open anyway. No `Promise.race`
 * with one promise for all requests: that would hold on to every answer until the command ends.
 */
function unlessCancelled<T>(answer: Promise<T>, stopped: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = () => {
      reject(new CancelledError('cancelled'))
    }
    stopped.addEventListener('abort', cancel, { once: true })
    answer.then(resolve, reject).finally(() => {
      stopped.removeEventListener('abort', cancel)
    })
  })
}
