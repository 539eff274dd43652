/** A tree with everything that a version promises to keep. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function freshFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'holdfast-cli-'))
}

export function makeOddTree(at: string): void {
  mkdirSync(join(at, 'deep/er/still'), { recursive: true })
  mkdirSync(join(at, 'empty'))
  mkdirSync(join(at, 'sticky'))
  chmodSync(join(at, 'sticky'), 0o1777)
  mkdirSync(join(at, 'closed'))
  for (const mode of [0o400, 0o600, 0o644, 0o755, 0o4755, 0o2750, 0o6711])
    writeFile(join(at, `mode-${mode.toString(8)}`), `${mode}`, mode)
  writeFile(join(at, 'nothing'), '')
  writeFile(join(at, 'random'), randomBytes(5 * 1024 * 1024))
  writeFile(join(at, 'text'), 'the same line again and again\n'.repeat(200_000))
  writeFile(join(at, 'deep/er/still/here'), 'deep')
  linkSync(join(at, 'random'), join(at, 'deep/random again'))
  linkSync(join(at, 'random'), join(at, 'a first name of random'))
  symlinkSync('nowhere/at all', join(at, 'dangling'))
  symlinkSync('/etc/hostname', join(at, 'absolute'))
  symlinkSync('../deep', join(at, 'deep/up and down'))
  for (const name of [
    'new\nline',
    '"quotes" and \'others\'',
    ' blanks ',
    '$HOME *',
    'ünï — 漢字',
    '\\',
  ])
    writeFile(join(at, name), name)
  writeFileSync(
    Buffer.concat([Buffer.from(`${at}/bytes-`), Buffer.from([0xff, 0xfe, 0x80])]),
    'raw',
  )
  symlinkSync(
    Buffer.from([0xe9, 0x21]),
    Buffer.concat([Buffer.from(`${at}/`), Buffer.from([0xe8])]),
  )
  makeSparse(join(at, 'sparse'))
  utimesSync(join(at, 'text'), 1_000_000_000.123456, 1_000_000_000.123456)
  utimesSync(join(at, 'nothing'), 4_000_000_000, 4_000_000_000)
  utimesSync(join(at, 'deep/er/still/here'), -86_400 * 365, -86_400 * 365)
  lutimesSync(join(at, 'dangling'), 86_400, 86_400)
  utimesSync(join(at, 'empty'), 1_111_111_111, 1_111_111_111)
  chmodSync(join(at, 'closed'), 0o700)
}

function writeFile(path: string, content: string | Buffer, mode = 0o644): void {
  writeFileSync(path, content)
  chmodSync(path, mode)
}

/** 64 MiB long, with bytes in the middle and a hole at its end. */
function makeSparse(path: string): void {
  const fd = openSync(path, 'w')
  ftruncateSync(fd, 64 * 1024 * 1024)
  writeSync(fd, Buffer.from('an island'), 0, 9, 20 * 1024 * 1024)
  closeSync(fd)
}

/** What tools that are not ours find different between two trees: nothing, hopefully. */
export function compareTrees(a: string, b: string): string {
  ensureRsync()
  const byRsync = execFileSync('rsync', ['-naciH', '--delete', `${a}/`, `${b}/`], {
    encoding: 'utf8',
  })
  return byRsync + runDiff(a, b)
}

function runDiff(a: string, b: string): string {
  try {
    return execFileSync('diff', ['-r', '--no-dereference', a, b], { encoding: 'utf8' })
  } catch (error) {
    return String((error as { stdout: unknown }).stdout)
  }
}

function ensureRsync(): void {
  try {
    execFileSync('rsync', ['--version'], { stdio: 'ignore' })
    return
  } catch {
    if (process.getuid?.() !== 0)
      throw new Error('rsync is missing: run "apt-get install -y rsync" as root (Debian, Ubuntu)')
  }
  try {
    installRsync()
  } catch {
    execFileSync('apt-get', ['-qq', 'update'], { stdio: 'ignore' })
    installRsync()
  }
}

function installRsync(): void {
  execFileSync('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', 'rsync'], {
    stdio: 'ignore',
  })
}
