/** What directories and links hold, as names that keep every byte. */
import type { Dirent } from 'node:fs'
import { readdirSync, readlinkSync } from 'node:fs'
import { decodeName, fsPath } from '../volume/raw-path.ts'

/** Names in code unit order, so that scans of the same tree are alike. */
export function readNames(dir: string): string[] {
  const names = readdirSync(fsPath(dir))
  if (!names.some((name) => name.includes('\ufffd'))) return names.toSorted()
  const raw: (Dirent<Buffer> | Buffer)[] = readdirSync(fsPath(dir), { encoding: 'buffer' })
  return raw.map((bytes) => decodeName(bytes as Buffer)).toSorted()
}

export function readTarget(location: string): string {
  return decodeName(readlinkSync(fsPath(location), { encoding: 'buffer' }))
}
