/** A tree of real files: what the system has, copied in a fixed order until there are enough of them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { filesBelow } from './tree.ts'

const SYSTEM = ['/usr/share', '/usr/lib', '/usr/include', '/usr/local', '/usr/libexec', '/etc']
/** Npm packages: a small Debian has too few files of its own. */
const PACKAGES = path.join(import.meta.dirname, '../../node_modules')
/** A file may be so many times as large as the mean that is asked for, as long as those before it left room. */
const LARGE = 2000

/**
 * Small files are all taken; a large one only where the mean of those before it leaves room for it, so that the whole
 * comes near `bytes`. Where the system has too few files, they are taken again with a line in front, so that nothing
 * is there twice.
 */
export function copyRealFiles(
  to: string,
  count: number,
  bytes: number,
  say: (text: string) => void,
): void {
  const mean = bytes / count
  let files = 0
  let taken = 0
  for (let pass = 1; files < count; pass += 1) {
    const before = files
    for (const root of [...SYSTEM, PACKAGES])
      for (const { name, sizeBytes } of filesBelow(root)) {
        if (files === count) break
        const room = Math.min(mean * LARGE, mean * (files + LARGE) - taken)
        if (sizeBytes > Math.max(room, mean)) continue
        if (!copy(path.join(root, name), path.join(to, folderOf(root, pass), name), pass)) continue
        files += 1
        taken += sizeBytes
      }
    if (files === before) throw new Error(`there are no files in ${SYSTEM.join(', ')}`)
  }
  say(`copied ${files} files, ${Math.round(taken / 2 ** 20)} MiB`)
}

function folderOf(root: string, pass: number): string {
  const name = root === PACKAGES ? 'node_modules' : root.slice(1)
  return pass === 1 ? name : `${name}-${pass}`
}

/** False: not to be read by this user. */
function copy(from: string, to: string, pass: number): boolean {
  let content: Buffer
  try {
    content = readFileSync(from)
  } catch {
    return false
  }
  mkdirSync(path.dirname(to), { recursive: true })
  writeFileSync(to, pass === 1 ? content : Buffer.concat([Buffer.from(`${pass}\n`), content]))
  return true
}
