/** What the image takes from the machine that builds it: a few programs of Debian's, and the libraries that they and Node load. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { UsageError } from '../../shared/errors.ts'

/** What the agent starts, and the Debian package of each: extended attributes, many paths at once, whole file systems synced. */
const PROGRAMS = { getfattr: 'attr', setfattr: 'attr', xargs: 'findutils', sync: 'coreutils' }
/** What building needs besides. */
const BUILD_TOOLS = { ldd: 'libc-bin', strip: 'binutils', tar: 'tar', 'dpkg-query': 'dpkg' }
/** Debian's layout: the library folders of the root are links. */
const LINKS = { bin: 'usr/bin', sbin: 'usr/sbin', lib: 'usr/lib', lib64: 'usr/lib64' }

/** Throws one sentence that names everything that this machine lacks. */
export function requireBuildTools(): void {
  const all = Object.entries({ ...PROGRAMS, ...BUILD_TOOLS })
  const missing = all.filter(([program]) => whereIs(program) === undefined)
  if (missing.length === 0) return
  const packages = [...new Set(missing.map(([, name]) => name))].join(' ')
  throw new UsageError(
    `${missing.map(([program]) => program).join(', ')} is missing, which the image is made with: run "apt-get install -y --no-install-recommends ${packages}" as root (Debian, Ubuntu)`,
  )
}

/** Puts programs and libraries below `root`, where they lie here. Returns the paths of the originals. */
export function copySystemPrograms(root: string, node: string): string[] {
  for (const [name, target] of Object.entries(LINKS)) {
    mkdirSync(path.join(root, target), { recursive: true })
    symlinkSync(target, path.join(root, name))
  }
  const programs = Object.keys(PROGRAMS).map((name) => whereIs(name) ?? name)
  const libraries = new Set([node, ...programs].flatMap(librariesOf))
  for (const program of programs) copyInto(root, program, `/usr/bin/${path.basename(program)}`)
  for (const library of libraries) copyInto(root, library, library)
  return [...programs, ...libraries].map((file) => realpathSync(file))
}

/** @param as its path in the image; the links of the root lead to `/usr`. */
function copyInto(root: string, file: string, as: string): void {
  const target = path.join(root, as)
  mkdirSync(path.dirname(target), { recursive: true })
  copyFileSync(realpathSync(file), target)
  chmodSync(target, 0o755)
}

/** The absolute paths by which the loader finds them, the loader itself among them. */
function librariesOf(program: string): string[] {
  const listing = execFileSync('ldd', [program], { encoding: 'utf8', env: { LC_ALL: 'C' } })
  if (listing.includes('not found'))
    throw new UsageError(`${program} needs a library that is not here:\n${listing}`)
  return [...listing.matchAll(/(?:^|\s)(\/\S+) \(0x/g)].map(([, file = '']) => file)
}

function whereIs(program: string): string | undefined {
  const found = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' })
  return found.status === 0 ? found.stdout.trim() : undefined
}
