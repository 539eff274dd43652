/** Where the figures come from: a line each. */
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { readFileSync } from 'node:fs'
import type { Bench } from '../bench.ts'

export async function describeMachine({ processes, restic }: Bench): Promise<string[]> {
  const { out } = await processes.run([restic, 'version'])
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return [
    `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), ${gigabytes} GiB of memory`,
    `${systemName()}, Linux ${release()}`,
    `Node ${process.versions.node}`,
    out.trim(),
  ]
}

function systemName(): string {
  const text = readFileSync('/etc/os-release', 'utf8')
  return /^PRETTY_NAME="(.*)"$/m.exec(text)?.[1] ?? 'an unknown system'
}
