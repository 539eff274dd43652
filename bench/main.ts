#!/usr/bin/env node
/** `make bench`: Holdfast and restic in turn, over the same data, in the same stores, on this machine. */
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { HoldfastError } from '../shared/errors.ts'
import type { Bench } from './bench.ts'
import { CASES } from './cases/all-cases.ts'
import { Corpora } from './corpora/corpora.ts'
import { describeMachine } from './measure/machine.ts'
import { Processes } from './measure/processes.ts'
import { bundleHoldfast } from './programs/holdfast-programs.ts'
import { findRestic } from './programs/restic-program.ts'
import { markdownText, tableText } from './report-text.ts'
import { report } from './report.ts'
import { runCases } from './run-cases.ts'
import { Samples } from './samples.ts'
import { FULL, SMALL } from './sizes.ts'

interface Options {
  readonly rounds: number
  readonly only: readonly string[]
  readonly small: boolean
  readonly output: 'table' | 'markdown' | 'json'
  readonly work: string
}

const CANCELLED = 130
const say = (text: string) => process.stderr.write(`bench: ${text}\n`)

function readOptions(): Options {
  const program = new Command('bench')
    .description('Measures Holdfast beside restic, on this machine. No figure makes it fail.')
    .option('--rounds <count>', 'how often each case is run', readRounds, 5)
    .addOption(
      new Option(
        '--only <case>',
        `only this case (${CASES.map(({ name }) => name).join(', ')}); may be given several times`,
      )
        .argParser((name, before: string[]) => [...before, readCaseName(name)])
        .default([], 'all'),
    )
    .option('--small', 'little data: shows in minutes that all of it works, and no figure', false)
    .addOption(
      new Option('--output <format>', 'how the figures are printed')
        .choices(['table', 'markdown', 'json'])
        .default('table'),
    )
    .option(
      '--work <dir>',
      'where the data, restic and all repositories lie; the data stays for the next run',
      path.join(tmpdir(), 'holdfast-bench'),
    )
  return program.parse().opts<Options>()
}

function readRounds(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('write a whole number from 1 to 999')
}

function readCaseName(name: string): string {
  if (CASES.some((one) => one.name === name)) return name
  throw new InvalidArgumentError(`it is one of ${CASES.map((one) => one.name).join(', ')}`)
}

async function compose(options: Options, scratch: string, processes: Processes): Promise<Bench> {
  const work = path.resolve(options.work)
  const sizes = options.small ? SMALL : FULL
  say(`working in ${work}`)
  return {
    sizes,
    corpora: new Corpora(path.join(work, 'corpora'), sizes, say),
    processes,
    samples: new Samples(),
    holdfast: await bundleHoldfast(path.join(scratch, 'bundle')),
    restic: await findRestic(work, processes, say),
    work,
    scratch,
  }
}

function print({ output }: Options, machine: readonly string[], { all }: Samples): void {
  const rows = report(all)
  if (output === 'json') console.log(JSON.stringify({ machine, rows, samples: all }, null, 2))
  else if (output === 'markdown')
    console.log(`${machine.map((line) => `- ${line}`).join('\n')}\n\n${markdownText(rows)}`)
  else console.log(tableText(rows))
}

async function main(options: Options, cancelled: AbortSignal): Promise<void> {
  const scratch = path.resolve(options.work, `run-${process.pid}`)
  await mkdir(scratch, { recursive: true })
  const processes = new Processes(process.env, cancelled)
  // What is under way ends with its programs; whatever awaits them cleans up behind itself.
  cancelled.addEventListener('abort', () => {
    processes.endAll()
  })
  try {
    const bench = await compose(options, scratch, processes)
    const machine = await describeMachine(bench)
    for (const line of machine) say(line)
    const cases = CASES.filter(
      ({ name }) => options.only.length === 0 || options.only.includes(name),
    )
    try {
      await runCases(bench, cases, options.rounds, say)
    } finally {
      // What was measured is worth having also when something fails in the fifth hour.
      print(options, machine, bench.samples)
    }
  } finally {
    processes.endAll()
    await rm(scratch, { recursive: true, force: true })
  }
}

const cancelling = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    cancelling.abort(new HoldfastError('cancelled'))
  })
try {
  await main(readOptions(), cancelling.signal)
} catch (error) {
  console.error(error instanceof HoldfastError ? `bench: ${error.message}` : error)
  // A case that was cancelled may still be waiting for something.
  process.exit(cancelling.signal.aborted ? CANCELLED : 1)
}
