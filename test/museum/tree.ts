/** A small tree with one of everything that a version keeps, lists, or leaves out. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'

/** As the kernel has it: rw for its owner, r for user 1000, the group and all others. */
const ACL =
  '0x0200000001000600ffffffff02000400e803000004000400ffffffff10000600ffffffff20000400ffffffff'
const CAPABILITY = '0x0100000200200000000000000000000000000000'

/** Bytes that no compression makes fewer, the same for the same word. */
export function noise(word: string, bytes: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(bytes / 32) }, (_, i) =>
    createHash('sha256').update(`${word} ${i}`).digest(),
  )
  return Buffer.concat(blocks).subarray(0, bytes)
}

/** Bytes that take up next to nothing, the same for the same word. */
export function prose(word: string, bytes: number): Buffer {
  return Buffer.alloc(bytes, `${word}, and again ${word}\n`)
}

export function makeTree(at: string): void {
  const file = (name: string, content: string | Buffer, mode = 0o644) => {
    fs.writeFileSync(path.join(at, name), content)
    fs.chmodSync(path.join(at, name), mode)
  }
  for (const name of ['deep/er', 'empty', 'sticky', 'owned'])
    fs.mkdirSync(path.join(at, name), { recursive: true })
  fs.chmodSync(path.join(at, 'sticky'), 0o1777)
  file('deep/er/text', prose('deep', 300))
  file('nothing', '')
  file('noise', noise('noise', 3000), 0o600)
  file('large', prose('large', 2_500_000))
  file('setuid', 'setuid', 0o4755)
  file('setgid', 'setgid', 0o2711)
  file('ünï — 漢字', 'names\n')
  file('new\nline', 'and blanks ')
  fs.writeFileSync(Buffer.concat([Buffer.from(`${at}/bytes-`), Buffer.from([0xff, 0xfe])]), 'raw')
  fs.linkSync(path.join(at, 'noise'), path.join(at, 'deep/noise again'))
  fs.symlinkSync('../nowhere', path.join(at, 'deep/dangling'))
  fs.symlinkSync(Buffer.from([0xe9, 0x21]), Buffer.from(`${at}/raw target`))
  const sparse = fs.openSync(path.join(at, 'sparse'), 'w')
  fs.ftruncateSync(sparse, 4 * 1024 * 1024)
  fs.writeSync(sparse, Buffer.from('an island'), 0, 9, 2 * 1024 * 1024)
  fs.closeSync(sparse)
  file('owned/by others', 'mine')
  fs.chownSync(path.join(at, 'owned/by others'), 1000, 33)
  fs.chownSync(path.join(at, 'owned'), 1000, 1000)
  const attribute = (name: string, value: string, target: string) =>
    execFileSync('setfattr', ['-n', name, '-v', value, path.join(at, target)])
  attribute('user.origin', 'https://example.com', 'deep/er/text')
  attribute('user.kind', 'a directory', 'empty')
  attribute('trusted.seal', '0x00ff', 'noise')
  attribute('system.posix_acl_access', ACL, 'deep/er/text')
  attribute('security.capability', CAPABILITY, 'large')
  attribute('security.holdfast', 'not to be had', 'nothing')
  execFileSync('mkfifo', [path.join(at, 'fifo')])
  fs.utimesSync(path.join(at, 'nothing'), 4_000_000_000, 4_000_000_000)
  execFileSync('touch', ['-d', '1969-12-30 12:00:00.25 UTC', path.join(at, 'setuid')])
  fs.lutimesSync(path.join(at, 'deep/dangling'), 1_000_000_000.123456, 1_000_000_000.123456)
  fs.utimesSync(path.join(at, 'empty'), 1_111_111_111, 1_111_111_111)
}
