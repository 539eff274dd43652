/**
 * Finds restic: on the PATH, or in a Debian package that is unpacked below the work directory. Apt fetches it, from the
 * mirror and through the proxy that this machine is set up with, and checks its signatures; nothing is installed.
 */
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { HoldfastError } from '../../shared/errors.ts'
import type { Processes } from '../measure/processes.ts'
import { ProgramFailed } from '../measure/processes.ts'

const NEEDED = [0, 18] as const
/** Tried after the machine's own suite. restic is a program without libraries: a newer suite's runs on an older one. */
const NEWER_SUITES = ['unstable', 'testing', 'stable']

/** Resolves to the program file. Throws one sentence when there is none to be had. */
export async function findRestic(
  work: string,
  processes: Processes,
  say: (text: string) => void,
): Promise<string> {
  if (await suffices('restic', processes)) return 'restic'
  const folder = path.join(work, 'restic')
  const program = path.join(folder, 'usr/bin/restic')
  if (existsSync(program) && (await suffices(program, processes))) return program
  for (const suite of [undefined, ...NEWER_SUITES]) {
    say(`looking for restic >= ${NEEDED.join('.')} in ${suite ?? "this machine's suite"}`)
    try {
      await unpack(folder, await aptOptions(folder, suite, processes), processes)
      if (await suffices(program, processes)) return program
    } catch (error) {
      if (!(error instanceof ProgramFailed)) throw error
      say(`not there: ${error.message}`)
    }
  }
  throw new HoldfastError(
    `no restic >= ${NEEDED.join('.')} was found on the PATH or in Debian's packages: install one and put it on the PATH`,
  )
}

async function suffices(program: string, processes: Processes): Promise<boolean> {
  try {
    const { out } = await processes.run([program, 'version'])
    const [, major = '0', minor = '0'] = /^restic (\d+)\.(\d+)/.exec(out) ?? []
    return Number(major) > NEEDED[0] || Number(minor) >= NEEDED[1]
  } catch (error) {
    if (error instanceof ProgramFailed) return false
    throw error
  }
}

/** Apt with lists of its own for another suite; as it is for the machine's. */
async function aptOptions(
  folder: string,
  suite: string | undefined,
  processes: Processes,
): Promise<string[]> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(path.join(folder, 'lists/partial'), { recursive: true })
  if (suite === undefined) return []
  const sources = path.join(folder, 'sources.list')
  await writeFile(sources, `deb ${await mirror(processes)} ${suite} main\n`)
  const options = {
    'Dir::Etc::SourceList': sources,
    'Dir::Etc::SourceParts': '-',
    'Dir::State::Lists': path.join(folder, 'lists'),
    'Dir::Cache': folder,
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': '',
  }
  const words = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`])
  await processes.run(['apt-get', '-qq', ...words, 'update'])
  return words
}

/** Where this machine gets its Debian packages from. Throws one sentence where apt names no such place. */
async function mirror(processes: Processes): Promise<string> {
  const { out } = await processes.run(['apt-get', 'indextargets', '--format', '$(REPO_URI)'])
  const uri = out.split('\n').find((one) => /\/debian\/?$/.test(one))
  if (uri !== undefined) return uri
  throw new HoldfastError(
    `apt names no mirror of Debian's, where a restic >= ${NEEDED.join('.')} might be: put one on the PATH`,
  )
}

async function unpack(
  folder: string,
  options: readonly string[],
  processes: Processes,
): Promise<void> {
  await processes.run(['env', '-C', folder, 'apt-get', '-qq', ...options, 'download', 'restic'])
  const file = (await readdir(folder)).find((name) => name.endsWith('.deb')) ?? ''
  await processes.run(['dpkg-deb', '-x', path.join(folder, file), folder])
}
