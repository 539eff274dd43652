/**
 * The long run: `node test/long/main.ts [part of it] [first seed]`. What `make test` takes a slice of is run as a whole:
 * random histories of the model, its stories with a quarter of all single faults, and every test that draws from a seed,
 * for longer. It prints a table that can be kept, and writes nothing into the repository.
 */
import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'

const ROOT = path.join(import.meta.dirname, '../..')
const VITEST = path.join(ROOT, 'node_modules/vitest/vitest.mjs')
const HISTORIES = 10_000
/** All single faults are 100 minutes of one core: each run takes another quarter of them, by its seed. */
const FAULT_QUARTERS = 4
/** Histories over a faulty net, for each state of the clock. */
const NET_HISTORIES = 4
/** Prune beside a live writer, and over random logs. */
const PRUNE_SECONDS = 90
const PRUNE_HISTORIES = 200
/** Of a database under load. */
const DATABASE_VERSIONS = 200

interface Part {
  readonly what: string
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

interface Result extends Part {
  readonly failed: boolean
  readonly minutes: number
  readonly output: string
}

function run(part: Part): Promise<Result> {
  const beganMs = performance.now()
  const env = { ...process.env, ...part.env }
  const stdio = ['ignore', 'pipe', 'pipe'] as const
  const child = spawn(process.execPath, part.command, { cwd: ROOT, env, stdio: [...stdio] })
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text))
  return new Promise((resolve) => {
    child.once('close', (code) => {
      const minutes = (performance.now() - beganMs) / 60_000
      const result = { ...part, failed: code !== 0, minutes, output }
      console.log(rowOf(result))
      if (result.failed) console.log(output)
      resolve(result)
    })
  })
}

/** Two processes, each with half of the histories: so many as small machines have cores. */
function modelParts(share: number, seed: number): Part[] {
  const half = Math.ceil((HISTORIES * share) / 2)
  return [seed, seed + half].map((first) => ({
    what: `model: ${half} random histories, seeds ${first} to ${first + half - 1}`,
    command: ['test/model/explore.ts', String(half), String(first)],
  }))
}

function faultsPart(share: number, seed: number): Part {
  const every = Math.round(FAULT_QUARTERS / share)
  const which = seed % every
  return {
    what: `model: each story on each storage with every ${every}th single fault, from the one with number ${which}`,
    command: ['test/model/explore-faults.ts', String(every), String(which)],
  }
}

/** Tests whose run a seed decides. */
function seededTests(): string[] {
  const tests = globSync('test/**/*.test.ts', { cwd: ROOT })
  return tests.filter((file) => readFileSync(path.join(ROOT, file), 'utf8').includes('runSeed('))
}

function seededPart(share: number, seed: number): Part {
  const files = seededTests()
  return {
    what: `tests: the ${files.length} files that draw from a seed, with ${seed}`,
    command: [VITEST, 'run', ...files],
    env: {
      HOLDFAST_TEST_SEED: String(seed),
      HOLDFAST_FAULTS: String(Math.ceil(NET_HISTORIES * share)),
      HOLDFAST_PRUNE_SECONDS: String(Math.max(15, PRUNE_SECONDS * share)),
      HOLDFAST_DATABASE_VERSIONS: String(Math.ceil(DATABASE_VERSIONS * share)),
      HOLDFAST_PRUNE_HISTORIES: String(Math.ceil(PRUNE_HISTORIES * share)),
    },
  }
}

function rowOf({ what, failed, minutes, output }: Result): string {
  const said = /^(.* histories from seed .*|\d+ plays .*|.*Tests .*)$/m.exec(plain(output))?.[1]
  return `| ${what} | ${failed ? '**failed**' : 'passed'} | ${said?.trim() ?? ''} | ${minutes.toFixed(1)} min |`
}

/** Without the colours of a terminal. */
function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- escape sequences begin with a control character
  return text.replaceAll(/\u001b\[[0-9;]*m/g, '')
}

async function main(share: number, seed: number): Promise<void> {
  console.log('| part | result | what it said | time |\n| --- | --- | --- | --- |')
  // Two at a time, as many as small machines have cores.
  const histories = await Promise.all(modelParts(share, seed).map(run))
  const others = await Promise.all([faultsPart(share, seed), seededPart(share, seed)].map(run))
  const results = [...histories, ...others]
  const failures = results.filter(({ failed }) => failed).length
  const minutes = (performance.now() / 60_000).toFixed(0)
  console.log(
    `\n${results.length} parts, ${failures} failed, ${minutes} minutes, first seed ${seed}`,
  )
  process.exitCode = failures === 0 ? 0 : 1
}

const [share = '1', seed = String(Math.floor(Math.random() * 2 ** 30))] = process.argv.slice(2)
await main(Number(share), Number(seed))
