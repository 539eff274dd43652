/** Resolves pins in the repository: a few small reads, nothing written. What the log recorded for a request wins. */
import { systemClock } from '../../shared/clock.ts'
import { NotFoundError } from '../../shared/errors.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { requestText, type Pin } from '../../shared/pin.ts'
import { findRestore } from '../../shared/repository/find-restore.ts'
import { appPrefix } from '../../shared/repository/object-keys.ts'
import { resolvePin } from '../../shared/repository/resolve-pin.ts'
import { requireVersion } from '../../shared/repository/version-object.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import type { StreamName } from '../../shared/stream-name.ts'
import { formatStreamName, streamPartProblem } from '../../shared/stream-name.ts'
import { imagesWithDigests } from './later-digests.ts'
import type { PinResolver, ResolvedPin } from '../inject/pin-resolver.ts'

const NOTHING: ResolvedPin = { version: null, images: [] }

/** @param open brings the store that a URL names; stores may be shared. */
export function repositoryPinResolver(open: (url: string) => Promise<ObjectStore>): PinResolver {
  return async ({ namespace, app, slot, store: url }, pin, pinText, restoreRequest) => {
    const store = await open(url)
    const asked = { pin, pinText, request: requestText(pinText, restoreRequest) }
    if (slot !== null) return resolveIn(store, { namespace, app, slot }, asked)
    return resolveInAny(store, { namespace, app }, asked)
  }
}

interface Asked {
  readonly pin: Pin
  readonly pinText: string
  /** As the log records it. */
  readonly request: string
}

/** For a pod that takes whichever slot is free: the versions of the first slot in which the pin names one stand for all. */
async function resolveInAny(
  store: ObjectStore,
  app: Omit<StreamName, 'slot'>,
  asked: Asked,
): Promise<ResolvedPin> {
  let nowhere: ResolvedPin | NotFoundError | undefined
  for (const slot of await slotsOf(store, app)) {
    try {
      const resolved = await resolveIn(store, { ...app, slot }, asked)
      if (resolved.version !== null) return resolved
      nowhere = resolved
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
      nowhere ??= error
    }
  }
  if (nowhere instanceof NotFoundError) throw nowhere
  return nowhere ?? withoutHistory(`app ${app.namespace}/${app.app}`, asked)
}

/** In the order in which pods take them. */
async function slotsOf(store: ObjectStore, app: Omit<StreamName, 'slot'>): Promise<string[]> {
  const slots = await store.folders(appPrefix(app))
  const known = slots.filter((slot) => streamPartProblem(slot) === undefined)
  return known.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
}

async function resolveIn(
  store: ObjectStore,
  stream: StreamName,
  asked: Asked,
): Promise<ResolvedPin> {
  const log = new VersionLog(store, stream, { clock: systemClock })
  const head = await log.head()
  if (head === undefined) return withoutHistory(`stream ${formatStreamName(stream)}`, asked)
  const fulfilled = await findRestore(log, head.record.log.lastSwitch, asked.request)
  const version = fulfilled?.resolved ?? (await resolvePin(store, log, asked.pin))
  if (version === 0) return NOTHING
  const record = await requireVersion(log, version)
  const images = await imagesWithDigests(log, record)
  const { templateHash, counts } = record
  return {
    version,
    images: images.map(({ container, image, digest }) =>
      digest === undefined ? { container, image } : { container, image, digest },
    ),
    bytes: counts.bytes,
    ...(templateHash !== null && { templateHash }),
  }
}

/** What has no versions can be pinned to what needs none. */
function withoutHistory(what: string, { pin, pinText }: Asked): ResolvedPin {
  if (pin.kind === 'latest' || pin.kind === 'fresh') return NOTHING
  throw new NotFoundError(
    `cannot restore ${pinText}: ${what} has no versions; take the label off, or wait for the first one`,
  )
}
