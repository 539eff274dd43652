/** Whether a pod has closed its stream, by the repository: two or three small reads. */
import { systemClock } from '../../shared/clock.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { LogState } from '../../shared/repository/log-record.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { KEY } from '../../shared/sidecar-contract.ts'
import type { HasClosed } from './ended-pods.ts'

/** So many pods may have taken the stream over since. */
const MOST_OWNERS = 10

/** @param open brings the store that a URL names; stores may be shared. */
export function closedInRepository(open: (url: string) => Promise<ObjectStore>): HasClosed {
  return async ({ namespace, uid, admitted, marks }) => {
    const slot = admitted?.slot ?? marks[KEY.slot]
    if (admitted === null || slot === undefined) return false
    const stream = { namespace, app: admitted.app, slot }
    const log = new VersionLog(await open(admitted.store), stream, { clock: systemClock })
    return isClosedBy(uid, log)
  }
}

async function isClosedBy(uid: string, log: VersionLog): Promise<boolean> {
  let owner = (await log.head())?.record.log.owner
  for (let owners = 1; owner && owners <= MOST_OWNERS; owners += 1) {
    if (owner.pod.uid === uid) return owner.closed
    owner = await ownerBefore(owner, log)
  }
  return false
}

/** Undefined where the record is pruned. */
async function ownerBefore(
  { n }: NonNullable<LogState['owner']>,
  log: VersionLog,
): Promise<LogState['owner'] | undefined> {
  return n === 1 ? null : (await log.record(n - 1))?.record.log.owner
}
