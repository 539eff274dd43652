/** What the kubelet sets in the machine's kernel: kept, and put back. */
import { readFileSync, writeFileSync } from 'node:fs'

const NAMES = ['vm/overcommit_memory', 'vm/panic_on_oom', 'kernel/panic', 'kernel/panic_on_oops']

/** Returns what puts them back as they are now. */
export function keepKernelSettings(): () => void {
  const before = NAMES.map((name) => [name, readFileSync(`/proc/sys/${name}`, 'utf8')] as const)
  return () => {
    for (const [name, value] of before)
      if (readFileSync(`/proc/sys/${name}`, 'utf8') !== value)
        writeFileSync(`/proc/sys/${name}`, value)
  }
}
