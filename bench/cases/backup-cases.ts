/** Whole backups and restores, each program started for the work and ended with it. */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { HoldfastError } from '../../shared/errors.ts'
import { newFolder, type Bench, type Case, type Turn } from '../bench.ts'
import { appFilesBelow, treeDifference } from '../corpora/tree.ts'
import { measureWork } from '../measure/measured-work.ts'
import type { BackupProgram } from '../programs/backup-program.ts'
import { programOf } from '../programs/both.ts'
import type { Place } from '../stores/place.ts'

const STORES = ['local', 'S3'] as const
/** In-place restore: every so manieth file was changed. */
const ONE_IN = 100
/**
 * Restored trees of so many files stay until the end of the run: ext4 gives an inode that was just deleted to nobody
 * for some minutes, and searches long for others, so the next restore would pay for the removal.
 */
const MANY = 1000

export const manyFiles: Case = {
  name: 'many-files',
  stores: STORES,
  once: false,
  async run(bench, turn) {
    const folder = await bench.corpora.realFiles()
    for (const side of turn.sides) {
      const done = await backUp(bench, turn, 'many files', programOf(bench, side), folder)
      changeOneFile(folder)
      await measured(done, 'one changed file, cold', true, () =>
        done.program.backup(done.place, folder),
      )
      const target = await restoreIntoEmpty(done)
      // As in a pod: the volume itself goes back to what was captured of it.
      changeSome(folder)
      await measured(done, '1 % restored in place', false, () =>
        done.program.restore(done.place, folder, folder),
      )
      refuseWrong(target, folder)
    }
  },
}

export const incompressible: Case = {
  name: 'incompressible',
  stores: STORES,
  once: false,
  run: (bench, turn) =>
    thereAndBack(bench, turn, 'incompressible', () => bench.corpora.incompressible()),
}

export const database: Case = {
  name: 'database',
  stores: STORES,
  once: false,
  run: (bench, turn) => thereAndBack(bench, turn, 'database', () => bench.corpora.database()),
}

/** Two trees of tiny files, in which nearly everything is the cost of a file itself. */
export const memory: Case = {
  name: 'memory',
  stores: ['S3'],
  once: true,
  async run(bench, turn) {
    const { tinyFiles, manyTinyFiles } = bench.sizes
    for (const count of [tinyFiles, manyTinyFiles])
      await thereAndBack(bench, turn, `${count} tiny files`, () => bench.corpora.tinyFiles(count))
    addBytesPerFile(bench, turn, 'first backup')
    addBytesPerFile(bench, turn, 'restore')
  },
}

/** A repository in which one side has made its first backup. */
interface BackedUp {
  readonly bench: Bench
  readonly turn: Turn
  readonly what: string
  readonly program: BackupProgram
  readonly place: Place
  readonly folder: string
}

async function thereAndBack(
  bench: Bench,
  turn: Turn,
  what: string,
  make: () => Promise<string>,
): Promise<void> {
  const folder = await make()
  for (const side of turn.sides) {
    const done = await backUp(bench, turn, what, programOf(bench, side), folder)
    const target = await restoreIntoEmpty(done)
    if (appFilesBelow(target).length < MANY) await rm(target, { recursive: true })
  }
}

async function backUp(
  bench: Bench,
  turn: Turn,
  what: string,
  program: BackupProgram,
  folder: string,
): Promise<BackedUp> {
  const place = await turn.newPlace()
  await program.prepare(place)
  const done = { bench, turn, what, program, place, folder }
  await measured(done, 'first backup', true, () => program.backup(place, folder))
  return done
}

/** Resolves to the directory. */
async function restoreIntoEmpty(done: BackedUp): Promise<string> {
  const { bench, program, place, folder } = done
  const target = await newFolder(bench)
  await measured(done, 'restore', false, () => program.restore(place, folder, target))
  refuseWrong(folder, target)
  return target
}

async function measured(
  { bench, turn, what, program, place }: BackedUp,
  work: string,
  stores: boolean,
  run: Parameters<typeof measureWork>[3],
): Promise<void> {
  const { side } = program
  await measureWork(bench, turn, { name: `${what}: ${work}`, side, place, stores }, run)
}

/** As an app does it: another content of the same length. */
export function changeOneFile(folder: string): void {
  const [first] = appFilesBelow(folder).filter(({ sizeBytes }) => sizeBytes > 0)
  if (first !== undefined)
    writeFileSync(path.join(folder, first.name), randomBytes(first.sizeBytes))
}

/** The last byte of each is another, and the length the same. */
function changeSome(folder: string): void {
  for (const { name } of appFilesBelow(folder).filter((_, i) => i % ONE_IN === 0)) {
    const content = readFileSync(path.join(folder, name))
    if (content.length > 0) content[content.length - 1] = (content.at(-1) ?? 0) ^ 1
    writeFileSync(path.join(folder, name), content)
  }
}

function refuseWrong(folder: string, target: string): void {
  const difference = treeDifference(folder, target)
  if (difference !== undefined) throw new HoldfastError(`a restore went wrong: ${difference}`)
}

function addBytesPerFile(bench: Bench, turn: Turn, work: string): void {
  const { sizes, samples } = bench
  const { round, store } = turn
  for (const side of turn.sides) {
    const peak = (count: number) =>
      samples.all.findLast(
        (one) =>
          one.side === side &&
          one.work === `${count} tiny files: ${work}` &&
          one.measure === 'peak RSS',
      )?.value ?? Number.NaN
    const grown = peak(sizes.manyTinyFiles) - peak(sizes.tinyFiles)
    samples.add({
      work: `tiny files: ${work}`,
      store,
      measure: 'peak RSS per further file',
      unit: 'bytes',
      side,
      round,
      value: grown / (sizes.manyTinyFiles - sizes.tinyFiles),
    })
  }
}
