/**
 * One call that goes on for seconds, as under load or on slow storage: the writer has the lowest priority on a core that
 * an endless loop has to itself otherwise. The kernel sets the file's times when the call begins, and not again.
 */
import { execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import { onTestFinished } from 'vitest'

const WRITER = new URL('one-call-writer.ts', import.meta.url).pathname

/** Overwrites all of a file in place, byte for byte with `value`, in one call; resolves when that has begun. */
export async function longWrite(file: string, value: number): Promise<{ ended: Promise<unknown> }> {
  const writer = fork(WRITER, [file, String(value)])
  onTestFinished(() => void writer.kill('SIGKILL'))
  await once(writer, 'message')
  const core = firstCore()
  execFileSync('taskset', ['-a', '-p', '-c', core, String(writer.pid)])
  const loop = spawn('taskset', ['-c', core, process.execPath, '-e', 'for (;;);'])
  onTestFinished(() => void loop.kill('SIGKILL'))
  for (const thread of fs.readdirSync(`/proc/${writer.pid}/task`))
    os.setPriority(Number(thread), os.constants.priority.PRIORITY_LOW)
  const ended = once(writer, 'exit').then(() => loop.kill('SIGKILL'))
  const before = ctimeOf(file)
  writer.send('write')
  while (ctimeOf(file) === before) await new Promise((resolve) => setTimeout(resolve, 1))
  return { ended }
}

function ctimeOf(file: string): bigint {
  return fs.statSync(file, { bigint: true }).ctimeNs
}

/** One that this process may run on. */
function firstCore(): string {
  const status = fs.readFileSync('/proc/self/status', 'utf8')
  return /Cpus_allowed_list:\s*(\d+)/.exec(status)?.[1] ?? '0'
}
