/** Resolves pins in the repository: a few small reads, nothing written. What the log recorded for a request wins. */
import { systemClock } from '../../shared/clock.ts'
import { NotFoundError } from '../../shared/errors.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { requestText } from '../../shared/pin.ts'
import { findRestore } from '../../shared/repository/find-restore.ts'
import { resolvePin } from '../../shared/repository/resolve-pin.ts'
import { requireVersion } from '../../shared/repository/version-object.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import type { StreamName } from '../../shared/stream-name.ts'
import { formatStreamName } from '../../shared/stream-name.ts'
import type { PinResolver, ResolvedPin } from '../inject/pin-resolver.ts'

const NOTHING: ResolvedPin = { version: null, images: [] }
/** The first slot's versions stand for a pod that takes whichever slot is free. */
const FIRST_SLOT = '0'

/** @param open brings the store that a URL names; stores may be shared. */
export function repositoryPinResolver(open: (url: string) => Promise<ObjectStore>): PinResolver {
  return async ({ namespace, app, slot, store: url }, pin, pinText, restoreRequest) => {
    const store = await open(url)
    const stream = { namespace, app, slot: slot ?? FIRST_SLOT }
    const log = new VersionLog(store, stream, { clock: systemClock })
    const head = await log.head()
    if (head === undefined) return withoutHistory(stream, pin.kind, pinText)
    const fulfilled = await findRestore(
      log,
      head.record.log.lastSwitch,
      requestText(pinText, restoreRequest),
    )
    const version = fulfilled?.resolved ?? (await resolvePin(store, log, pin))
    if (version === 0) return NOTHING
    const { images, templateHash } = await requireVersion(log, version)
    return {
      version,
      images: images.map(({ container, image, digest }) =>
        digest === undefined ? { container, image } : { container, image, digest },
      ),
      ...(templateHash !== null && { templateHash }),
    }
  }
}

/** A stream without versions can be pinned to what needs none. */
function withoutHistory(stream: StreamName, kind: string, pinText: string): ResolvedPin {
  if (kind === 'latest' || kind === 'fresh') return NOTHING
  throw new NotFoundError(
    `cannot restore ${pinText}: stream ${formatStreamName(stream)} has no versions; take the label off, or wait for the first one`,
  )
}
