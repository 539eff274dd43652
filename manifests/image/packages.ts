/** What other people's work is in the image: bundled npm packages, Node, Debian's. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'

export interface Package {
  readonly kind: 'npm' | 'deb' | 'node'
  readonly name: string
  readonly version: string
  /** An SPDX expression where its registry has one. */
  readonly licence?: string
  /** The files with the licence's text. */
  readonly licenceFiles: readonly string[]
}

const REPOSITORY = path.join(import.meta.dirname, '../..')
const LICENCE_FILE = /^(licen[cs]e|copying|notice)/i

/** Of the files that are in the bundles, by the lock file. */
export function npmPackagesOf(sources: readonly string[]): Package[] {
  const { packages } = JSON.parse(
    readFileSync(path.join(REPOSITORY, 'package-lock.json'), 'utf8'),
  ) as { packages: Record<string, { version: string; license?: string }> }
  const folders = new Set(sources.flatMap((source) => packageFolder(source) ?? []))
  return [...folders].toSorted().map((folder) => {
    const locked = packages[folder]
    if (locked === undefined) throw new Error(`${folder} is bundled, but not in package-lock.json`)
    return {
      kind: 'npm',
      name: folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version: locked.version,
      ...(locked.license !== undefined && { licence: locked.license }),
      licenceFiles: licenceFilesIn(path.join(REPOSITORY, folder)),
    }
  })
}

/** `node_modules/a/node_modules/@b/c` of any file below it; undefined for a source of our own. */
function packageFolder(source: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(source)?.[0]
}

export function packageOfNode(): Package {
  const nested = path.join(REPOSITORY, 'node_modules/node/node_modules')
  const folders = existsSync(nested) ? readdirSync(nested) : []
  return {
    kind: 'node',
    name: 'node',
    version: process.versions.node,
    licence: 'MIT',
    licenceFiles: folders
      .filter((name) => name.startsWith('node-linux'))
      .flatMap((name) => licenceFilesIn(path.join(nested, name))),
  }
}

/** Of the files of this Debian that the image holds copies of. */
export function debianPackagesOf(files: readonly string[]): Package[] {
  const names = new Set(files.map(debianPackageOf))
  return [...names].toSorted().map((name) => ({
    kind: 'deb',
    name,
    version: execFileSync('dpkg-query', ['-W', '-f', '${Version}', name], { encoding: 'utf8' }),
    licenceFiles: [`/usr/share/doc/${name}/copyright`],
  }))
}

function debianPackageOf(file: string): string {
  // Before Debian's roots were merged, what is at /usr/lib now was recorded at /lib.
  for (const recorded of [file, file.replace(/^\/usr/, '')]) {
    const owner = ownerOf(recorded)
    if (owner !== undefined) return owner
  }
  throw new Error(`no Debian package has ${file}: the image is built of Debian's own files alone`)
}

function ownerOf(file: string): string | undefined {
  try {
    const line = execFileSync('dpkg-query', ['-S', file], { encoding: 'utf8', stdio: 'pipe' })
    return /^([^:,]+)/.exec(line)?.[1]
  } catch {
    return undefined // dpkg-query ends with 1 for a file that it does not know
  }
}

function licenceFilesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => LICENCE_FILE.test(name))
    .toSorted()
    .map((name) => path.join(folder, name))
}
