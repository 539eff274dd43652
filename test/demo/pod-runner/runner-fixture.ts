import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { Changes } from '../../../demo/pod-runner/changes.ts'
import type { PodEvent } from '../../../demo/pod-runner/pod-event.ts'
import { PodRunner, type PodRunnerOptions } from '../../../demo/pod-runner/pod-runner.ts'

const PROGRAM = path.join(import.meta.dirname, 'fake-container.ts')

/** A runner in a folder of its own, both gone when the test is over. */
export function startRunner(options: Partial<PodRunnerOptions> = {}) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-pods-'))
  const events: PodEvent[] = []
  const changes = new Changes()
  const runner = new PodRunner({
    directory,
    images: {
      'fake:1': { command: [process.execPath, PROGRAM] },
      'fake:2': { command: [process.execPath, PROGRAM] },
      'agent:1': { command: [process.execPath, PROGRAM], findsRoot: true },
    },
    imageEnv: { PATH: process.env['PATH'] ?? '' },
    backOff: { baseMs: 50, maxMs: 400 },
    onEvent: (event) => {
      events.push(event)
      changes.announce()
    },
    ...options,
  })
  onTestFinished(async () => {
    await runner.close()
    fs.rmSync(directory, { recursive: true, force: true })
  })
  const journal = path.join(directory, 'journal')
  return {
    runner,
    directory,
    events,
    journalFile: journal,
    journal: () =>
      fs.existsSync(journal) ? fs.readFileSync(journal, 'utf8').trim().split('\n') : [],
    /** The first event like this, also a later one. */
    seen: async (what: PodEvent['what'], like: Partial<PodEvent> = {}): Promise<PodEvent> => {
      const find = () => events.find((event) => matches(event, { ...like, what }))
      await changes.until(() => find() !== undefined)
      return find()!
    },
    /** `container what` of all events, in order. */
    order: () => events.map(({ container, what }) => (container ? `${container} ${what}` : what)),
  }
}

function matches(event: PodEvent, like: Partial<PodEvent>): boolean {
  return Object.entries(like).every(([key, value]) => event[key as keyof PodEvent] === value)
}

/** True as soon as `holds` does; looks again and again. For facts that nobody announces. */
export async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** A container of a program that notes what happens to it. */
export function fake(name: string, journal: string, onTerm: string | number = 'exit') {
  return {
    name,
    image: 'fake:1',
    args: [String(onTerm)],
    env: [
      { name: 'JOURNAL', value: journal },
      { name: 'NAME', value: name },
    ],
  }
}

export const shell = (script: string) => ({ exec: { command: ['sh', '-c', script] } })

/** Exec probe that holds until the file is there, and says what it waits for. */
export function untilFile(file: string) {
  const script = `test -e '${file}' || { echo "restoring 31%"; exit 1; }`
  return { ...shell(script), periodSeconds: 1, failureThreshold: 2_147_483_647 }
}

export function processIsAlive(pid: number): boolean {
  try {
    // A zombie that its new parent has not yet waited for is dead, too.
    return !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
