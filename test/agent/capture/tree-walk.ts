/** What is in a directory, by means that share nothing with the code under test. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'

/**
 * A line for each path below `dir`, of everything that a version keeps: type, mode, owner, time to the microsecond,
 * size, link target, hash, and the first path of the same inode.
 */
export function walkTree(dir: string, skip: (below: string) => boolean = () => false): string[] {
  const format = '%y\\0%m\\0%U\\0%G\\0%T@\\0%s\\0%n\\0%i\\0%l\\0%P\\0'
  const out = execFileSync('find', [dir, '-printf', format], { maxBuffer: 2 ** 28 })
  const fields = out.toString('latin1').split('\0').slice(0, -1)
  const lines: string[] = []
  const firsts = new Map<string, string>()
  const rows = Array.from({ length: fields.length / 10 }, (_, i) =>
    fields.slice(i * 10, i * 10 + 10),
  )
  for (const row of rows.toSorted((a, b) => ((a[9] ?? '') < (b[9] ?? '') ? -1 : 1))) {
    const [type, mode, uid, gid, time = '', size, links, inode = '', target, below = ''] = row
    if (below !== '' && skip(below)) continue
    const first = Number(links) > 1 && type === 'f' ? (firsts.get(inode) ?? below) : ''
    if (!firsts.has(inode)) firsts.set(inode, below)
    const content = type === 'f' ? `${size} ${hashOf(dir, below)} ${first}` : target
    const shownMode = type === 'l' ? '' : mode
    const cut = time.slice(0, time.indexOf('.') + 7)
    lines.push(`${below} ${type} ${shownMode} ${uid}:${gid} ${cut} ${content}`)
  }
  return lines
}

function hashOf(dir: string, below: string): string {
  const file = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(below, 'latin1')])
  const at = below === '' ? path.normalize(dir) : file
  return createHash('sha256').update(readFileSync(at)).digest('hex').slice(0, 12)
}
