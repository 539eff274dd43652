/** `holdfast hold`: versions that prune may not touch. */
import { NotFoundError, UsageError } from '../shared/errors.ts'
import type { Pin } from '../shared/pin.ts'
import { createHold, heldVersions, listHolds } from '../shared/repository/holds.ts'
import { holdKey } from '../shared/repository/object-keys.ts'
import { pruneFate, readPrune } from '../shared/repository/prune-record.ts'
import { requireVersion } from '../shared/repository/version-object.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import { EXIT } from './exit-codes.ts'
import { namingRights } from './prune-rights.ts'
import type { StreamInRepository } from './repository.ts'
import { findNumber, openStream } from './repository.ts'
import type { CommonOptions, Surroundings } from './surroundings.ts'
import { printablePath } from './text/names.ts'
import { formatTable } from './text/table.ts'
import { formatTime } from './text/times.ts'

export interface HoldOptions extends CommonOptions {
  readonly stream: StreamName
}
export interface HoldAddOptions extends HoldOptions {
  readonly version: Pin
  readonly note: string
}

/** Written first, then the plan is read: a plan that was made before it may have missed it, and says so itself. */
export async function addHold(
  options: HoldAddOptions,
  surroundings: Surroundings,
): Promise<number> {
  const { terminal } = surroundings
  const from = await openStream(options, surroundings)
  const { store, log } = from
  const n = await versionToHold(from, options.version)
  const made = await createHold(store, log.stream, n, options.note)
  const prune = await readPrune(store, log.stream)
  const late = pruneFate(prune, n)
  const stream = formatStreamName(log.stream)
  if (options.output === 'json')
    terminal.printJson({
      stream,
      version: n,
      held: late === undefined,
      tooLate: late?.fate ?? null,
    })
  else if (late === undefined)
    terminal.print(`v${n} of ${stream} is held${made === 'exists' ? ', as it was before' : ''}`)
  if (late === undefined || prune === undefined) return EXIT.done
  terminal.note(
    late.fate === 'gone'
      ? `holdfast: the hold came too late: v${n} of ${stream} was pruned`
      : `holdfast: the hold may have come too late: v${n} of ${stream} is named by the plan of ${formatTime(prune.at)}, and is saved only if this hold is there when prune looks again, a day after it; holdfast versions then shows it as complete again`,
  )
  return late.fate === 'gone' ? EXIT.failed : EXIT.partial
}

/** A number is held as it is, also one that is planned already; what a tag or a time means is asked as ever. */
async function versionToHold(from: StreamInRepository, pin: Pin): Promise<number> {
  if (pin.kind === 'version') return (await requireVersion(from.log, pin.number)).n
  return findNumber(from, pin)
}

export async function removeHold(
  options: HoldOptions & { readonly version: Pin },
  surroundings: Surroundings,
): Promise<number> {
  const { version, output } = options
  const opened = await openStream(options, surroundings)
  const store = namingRights(opened.store)
  const stream = formatStreamName(options.stream)
  if (version.kind !== 'version')
    throw new UsageError('a hold is removed by the number that holdfast hold list shows, as v42')
  if (!(await heldVersions(store, options.stream)).has(version.number))
    throw new NotFoundError(
      `v${version.number} of ${stream} is not held: holdfast hold list shows what is`,
    )
  await store.delete(holdKey(options.stream, version.number))
  if (output === 'json')
    surroundings.terminal.printJson({ stream, version: version.number, held: false })
  else surroundings.terminal.print(`v${version.number} of ${stream} is held no more`)
  return EXIT.done
}

export async function showHolds(options: HoldOptions, surroundings: Surroundings): Promise<number> {
  const { terminal } = surroundings
  const { store } = await openStream(options, surroundings)
  const holds = await listHolds(store, options.stream)
  if (options.output === 'json')
    terminal.printJson({
      stream: formatStreamName(options.stream),
      holds: holds.map(({ version, note, since }) => ({
        version,
        since: since.toISOString(),
        note,
      })),
    })
  else
    terminal.print(
      formatTable(
        ['VERSION', 'SINCE', 'NOTE'],
        holds.map(({ version, since, note }) => [
          `v${version}`,
          formatTime(since),
          printablePath(note),
        ]),
      ),
    )
  return EXIT.done
}
