import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { WriterIdentity } from './log-writer.ts'

/** A new writer in this pod, on this boot of its node. */
export function newWriter(
  pod: { name: string; uid: string; node: string },
  graceSeconds: number,
): WriterIdentity {
  return { writer: randomUUID(), pod: { ...pod, boot: bootId() }, graceSeconds }
}

/** Another one after each boot of the machine: a memory volume is empty again then. */
function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
