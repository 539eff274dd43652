/** Where tests of extended attributes can be run: the tools must be installed, and the file system must have attributes. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installCommand, installPackages, missingPrograms } from './debian-packages.ts'

const PROGRAMS = ['getfattr', 'setfattr', 'setpriv']
const PACKAGES = ['attr', 'util-linux']
/** Most disks have them; a tmpfs does since Linux 6.6. */
const CANDIDATES = [tmpdir(), '/dev/shm', '/var/tmp']

/** Before all tests. Without root's right to install, those that need the tools are skipped, and say so. */
export function installAttributeTools(): void {
  if (missingPrograms(PROGRAMS).length > 0 && process.getuid?.() === 0) installPackages(PACKAGES)
}

/** A new folder on a file system that keeps user attributes, or the sentence that says why there is none. */
export function attributePlace(): { readonly folder: string } | { readonly why: string } {
  const missing = missingPrograms(PROGRAMS)
  if (missing.length > 0)
    return { why: `${missing.join(', ')} is missing: run "${installCommand(PACKAGES)}" as root` }
  for (const candidate of CANDIDATES) {
    const folder = realpathSync(mkdtempSync(join(candidate, 'holdfast-attributes-')))
    if (spawnSync('setfattr', ['-n', 'user.x', '-v', 'y', folder]).status === 0) {
      spawnSync('setfattr', ['-x', 'user.x', folder])
      return { folder }
    }
    rmSync(folder, { recursive: true })
  }
  return { why: `no file system of ${CANDIDATES.join(', ')} keeps user attributes` }
}
