import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/** Those of these programs that this machine does not have. */
export function missingPrograms(programs: readonly string[]): string[] {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']
  const isThere = (program: string) => folders.some((folder) => isExecutable(join(folder, program)))
  return programs.filter((program) => !isThere(program))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** What a person types to get them. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get install -y --no-install-recommends ${packages.join(' ')}`
}

/** Needs root. It may be in vain. */
export function installPackages(packages: readonly string[]): void {
  process.stderr.write(`installing ${packages.join(', ')}\n`)
  const install = ['install', '-y', '--no-install-recommends', ...packages]
  if (aptGet(...install)) return
  aptGet('update')
  aptGet(...install)
}

function aptGet(...args: string[]): boolean {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync('apt-get', ['-qq', ...args], { env: environment, stdio: 'ignore' }).status === 0
}
