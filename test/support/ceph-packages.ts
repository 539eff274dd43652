import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

const PROGRAMS = [
  'ceph-mon',
  'ceph-osd',
  'ceph',
  'radosgw',
  'radosgw-admin',
  'monmaptool',
  'setpriv',
]
const PACKAGES = ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-common', 'util-linux']

/** The programs that a Ceph needs and this machine does not have. */
function missingPrograms(): string[] {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']
  const isThere = (program: string) => folders.some((folder) => isExecutable(join(folder, program)))
  return PROGRAMS.filter((program) => !isThere(program))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Sees to it that Ceph is installed. Throws one line that says what is missing and how to get it. */
export function ensureCephInstalled(): void {
  const missing = missingPrograms()
  if (missing.length === 0) return
  const command = `apt-get install -y --no-install-recommends ${PACKAGES.join(' ')}`
  const advice = `the tests need a real S3 store, and ${missing.join(', ')} is missing: run "${command}" as root (Debian, Ubuntu)`
  if (process.getuid?.() !== 0) throw new Error(advice)
  process.stderr.write(
    `ceph: ${missing.join(', ')} is missing; installing ${PACKAGES.join(', ')}\n`,
  )
  if (!aptGet('install', '-y', '--no-install-recommends', ...PACKAGES)) {
    aptGet('update')
    aptGet('install', '-y', '--no-install-recommends', ...PACKAGES)
  }
  if (missingPrograms().length > 0) throw new Error(`${advice}; the attempt to do so failed`)
}

function aptGet(...args: string[]): boolean {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync('apt-get', ['-qq', ...args], { env: environment, stdio: 'ignore' }).status === 0
}
