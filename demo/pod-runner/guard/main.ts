/**
 * Ends the process groups of a pod runner that is no more, however it ended. Reads `+pid` and `-pid` lines from the
 * runner; the end of the input is the end of the runner.
 */
import { createInterface } from 'node:readline'

const groups = new Set<number>()
for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1))
  if (line.startsWith('+')) groups.add(pid)
  else groups.delete(pid)
}
for (const pid of groups) {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group has just ended by itself.
  }
}
