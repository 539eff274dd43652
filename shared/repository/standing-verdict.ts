/**
 * What holds of one version after many verdicts: the newest says when it was looked at last, and damage that any of
 * them found stands until a later run has read every byte and found none.
 */
import type { StreamVaults } from '../encryption/stream-vaults.ts'
import { CorruptObjectError } from '../errors.ts'
import type { ObjectStore } from '../object-store/object-store.ts'
import type { StreamName } from '../stream-name.ts'
import type { DamagedVersions, ListedVerdict } from './verdict.ts'
import { listVerdicts, readVerdict } from './verdict.ts'

export interface StandingVerdict {
  /** The newest verdict that covers the version. */
  readonly newest: ListedVerdict
  /** When every byte of it was read last; undefined: never. */
  readonly wholeAt: Date | undefined
  readonly damage: StandingDamage | undefined
}

export interface StandingDamage extends Pick<DamagedVersions, 'problem' | 'files' | 'lost'> {
  /** When it was found (again) last: the server's time. */
  readonly at: Date
}

/** By number, for those of `versions` that a verdict covers. One LIST, and a GET for each verdict that found damage and still counts. */
export async function standingVerdicts(
  store: ObjectStore,
  stream: StreamName,
  versions: readonly number[],
  vaults: StreamVaults,
): Promise<ReadonlyMap<number, StandingVerdict>> {
  const standing = new Map<number, StandingVerdict>()
  const open = new Set(versions)
  for (const verdict of await listVerdicts(store, stream)) {
    const covered = [...open].filter((n) => n >= verdict.from && n <= verdict.to)
    if (covered.length === 0) continue
    const damaged = verdict.sound ? [] : await damagedIn(store, stream, verdict, vaults)
    for (const n of covered) {
      standing.set(n, merge(standing.get(n), verdict, damageOf(n, damaged, verdict.at)))
      // It has read everything: nothing that is older says more.
      if (verdict.percent === 100) open.delete(n)
    }
    if (open.size === 0) break
  }
  return standing
}

/** A verdict that cannot be read says by its key that there was damage: it counts against all that it covers. */
async function damagedIn(
  store: ObjectStore,
  stream: StreamName,
  { key, from, to }: ListedVerdict,
  vaults: StreamVaults,
): Promise<DamagedVersions[]> {
  try {
    return (await readVerdict(store, stream, key, vaults)).damaged
  } catch (error) {
    if (!(error instanceof CorruptObjectError)) throw error
    const problem = `a verification found damage in v${from} to v${to}, and its verdict cannot be read: ${error.message}`
    return [{ from, to, problem, files: 0, lost: [] }]
  }
}

function damageOf(
  n: number,
  damaged: readonly DamagedVersions[],
  at: Date,
): StandingDamage | undefined {
  const found = damaged.find(({ from, to }) => n >= from && n <= to)
  return found && { problem: found.problem, files: found.files, lost: found.lost, at }
}

function merge(
  newer: StandingVerdict | undefined,
  verdict: ListedVerdict,
  damage: StandingDamage | undefined,
): StandingVerdict {
  return {
    newest: newer?.newest ?? verdict,
    wholeAt: newer?.wholeAt ?? (verdict.percent === 100 ? verdict.at : undefined),
    damage: newer?.damage === undefined ? damage : withOlder(newer.damage, damage),
  }
}

/** Two samples find different files: all of them count. */
function withOlder(newer: StandingDamage, older: StandingDamage | undefined): StandingDamage {
  if (older === undefined) return newer
  const known = new Set(newer.lost.map(({ path }) => path))
  const lost = [...newer.lost, ...older.lost.filter(({ path }) => !known.has(path))]
  return {
    problem: newer.problem ?? older.problem,
    files: Math.max(newer.files, older.files, lost.length),
    lost,
    at: newer.at,
  }
}
