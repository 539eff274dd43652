/** What the log may say next: rules for each record, whatever its kind, as it comes to be in the bucket. */
import { createHash } from 'node:crypto'
import type { LogRecord } from '../../shared/repository/log-record.ts'
import type { Chronicle } from './chronicle.ts'
import type { Truth } from './log-truth.ts'
import { lineageOfRequest, lineageToResume } from './log-truth.ts'
import type { Pod } from './pod.ts'
import { requestOf } from './pod.ts'

/** Its number and its id are its own. */
export function judgeNumber(chronicle: Chronicle, record: LogRecord, body: Buffer): void {
  const { n, id } = record
  const newest = chronicle.records.at(-1)?.n ?? 0
  if (chronicle.records.some((other) => other.n === n))
    chronicle.violate('a number was used twice', `v${n} was there before with another body`)
  else if (n !== newest + 1)
    chronicle.violate('a commit is not the next number', `v${n} comes after v${newest}`)
  const hash = createHash('sha256').update(body).digest('hex')
  if ((chronicle.ids.get(id) ?? hash) !== hash)
    chronicle.violate('an id stands for two bodies', `id of v${n}`)
  chronicle.ids.set(id, hash)
}

/** @param before what the log said before the record. */
export function judgeMain(
  chronicle: Chronicle,
  record: LogRecord,
  before: Truth,
  pod: Pod | undefined,
): void {
  const { n, kind, writer } = record
  if (kind === 'open') return judgeOpen(chronicle, record, before, pod)
  if (before.owner?.writer !== writer)
    chronicle.violate(
      'a superseded writer wrote to the main line',
      `${kind} v${n} of ${writer}, owner is ${before.owner?.writer}`,
    )
  if (kind === 'restore') return judgeRestore(chronicle, record, before)
  if (record.lineage !== before.lineage)
    chronicle.violate('a record is on the wrong lineage', `v${n} is on ${record.lineage}`)
  if (record.parent !== (before.head?.version ?? 0))
    chronicle.violate(
      'latest does not descend from latest',
      `v${n} has parent v${record.parent}, the head is v${before.head?.version ?? 0}`,
    )
}

function judgeOpen(
  chronicle: Chronicle,
  record: LogRecord & { kind: 'open' },
  before: Truth,
  pod: Pod | undefined,
): void {
  if (pod === undefined || pod.letGo) return
  const request = requestOf(pod)
  const lineage = lineageOfRequest(chronicle.records, request) ?? lineageToResume(chronicle.records)
  if (record.lineage !== lineage)
    chronicle.violate(
      'a start took up the wrong lineage',
      `v${record.n} of ${record.writer} (request ${request}) takes up ${record.lineage}, not ${lineage}; current is ${before.lineage}`,
    )
}

function judgeRestore(
  chronicle: Chronicle,
  record: LogRecord & { kind: 'restore' },
  before: Truth,
): void {
  const { n, request, resolved, left } = record
  const again = chronicle.records.some(
    (other) => other.kind === 'restore' && other.request === request,
  )
  // What a declaration says about empty volumes is asked by each start anew.
  if (again && !request.startsWith('whenEmpty:'))
    chronicle.violate('a request was resolved twice', `${request} by v${n}`)
  const asked = askedVersion(request)
  if (asked !== undefined && resolved !== asked)
    chronicle.violate('a request resolved to the wrong version', `${request} to v${resolved}`)
  if (left.lineage !== before.lineage || (left.head?.n ?? 0) !== (before.head?.n ?? 0))
    chronicle.violate(
      'a restore forgets its way back',
      `v${n} leaves ${left.lineage} at v${left.head?.n}, the log is on ${before.lineage} at v${before.head?.n}`,
    )
}

/** The version that a request names by itself. */
function askedVersion(request: string): number | undefined {
  const [pin = ''] = request.split('/')
  if (pin === 'fresh' || pin === 'whenEmpty:fresh') return 0
  return /^v\d+$/.test(pin) ? Number(pin.slice(1)) : undefined
}
