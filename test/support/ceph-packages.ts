import { installCommand, installPackages, missingPrograms } from './debian-packages.ts'

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

/** Sees to it that Ceph is installed. Throws one line that says what is missing and how to get it. */
export function ensureCephInstalled(): void {
  const missing = missingPrograms(PROGRAMS)
  if (missing.length === 0) return
  const advice = `the tests need a real S3 store, and ${missing.join(', ')} is missing: run "${installCommand(PACKAGES)}" as root (Debian, Ubuntu)`
  if (process.getuid?.() !== 0) throw new Error(advice)
  installPackages(PACKAGES)
  if (missingPrograms(PROGRAMS).length > 0)
    throw new Error(`${advice}; the attempt to do so failed`)
}
