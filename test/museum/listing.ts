/** What a directory tree holds, one readable line for each entry; read with nothing of the product's. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'

/** Paths below the tree, bytes that are no UTF-8 as `\xff`, each with its line. */
export type Listing = Readonly<Record<string, string>>

/** `type mode uid:gid mtime`, and what is the type's own; extended attributes as `name=base64`. */
export function listingOf(folder: string, parents: ReadonlySet<string>): Listing {
  const first = new Map<bigint, string>()
  const attributes = attributesBelow(folder)
  const lines: [string, string][] = []
  const walk = (at: Buffer, name: string) => {
    const stat = fs.lstatSync(at, { bigint: true })
    if (!parents.has(name)) {
      const line = lineOf(at, name, stat, first)
      const own = line.startsWith('link ') ? [] : (attributes.get(at.toString('latin1')) ?? [])
      lines.push([name, [line, ...own].join(' ')])
    }
    if (!stat.isDirectory()) return
    for (const child of fs.readdirSync(at, { encoding: 'buffer' }).toSorted((a, b) => a.compare(b)))
      walk(
        Buffer.concat([at, Buffer.from('/'), child]),
        name === '.' ? printable(child) : `${name}/${printable(child)}`,
      )
  }
  walk(Buffer.from(folder), '.')
  return Object.fromEntries(lines)
}

/** What somebody who is not root can give back: no owners, no attributes that are root's. */
export function withoutOwners(listing: Listing): Listing {
  const lines = Object.entries(listing).map(([name, line]) => {
    const words = line.split(' ').map((word) => (/^\d+:\d+$/.test(word) ? '-' : word))
    return [name, words.filter((word) => !/^(trusted|security)\./.test(word)).join(' ')]
  })
  return Object.fromEntries(lines) as Listing
}

/** What can be told where the tools for extended attributes are missing. */
export function withoutAttributes(listing: Listing): Listing {
  const lines = Object.entries(listing).map(([name, line]) => {
    const words = line.split(' ').filter((word) => !/^(user|trusted|security|system)\./.test(word))
    return [name, words.join(' ')]
  })
  return Object.fromEntries(lines) as Listing
}

function lineOf(
  at: Buffer,
  name: string,
  stat: fs.BigIntStats,
  first: Map<bigint, string>,
): string {
  const mode = (stat.mode & 0o7777n).toString(8).padStart(4, '0')
  const common = `${mode} ${stat.uid}:${stat.gid} ${timeOf(stat.mtimeNs)}`
  if (stat.isSymbolicLink())
    return `symlink ${common} -> ${printable(fs.readlinkSync(at, { encoding: 'buffer' }))}`
  if (stat.isDirectory()) return `directory ${common}`
  if (!stat.isFile()) return `other ${common}`
  const known = first.get(stat.ino)
  if (known !== undefined) return `link to ${known}`
  if (stat.nlink > 1n) first.set(stat.ino, name)
  const digest = createHash('sha256').update(fs.readFileSync(at)).digest('hex')
  // Half of it is a hole, at least: how exactly is the file system's affair.
  const sparse = stat.size > 1_000_000n && stat.blocks * 512n < stat.size / 2n ? ['sparse'] : []
  return ['file', common, `${stat.size} bytes`, digest, ...sparse].join(' ')
}

/** To the microsecond, as times are given back. */
function timeOf(ns: bigint): string {
  const us = ns / 1000n - (ns % 1000n < 0n ? 1n : 0n)
  const inMs = ((us % 1000n) + 1000n) % 1000n
  const ms = (us - inMs) / 1000n
  return new Date(Number(ms)).toISOString().replace('Z', `${String(inMs).padStart(3, '0')}Z`)
}

/** By path, its bytes as Latin-1: `name=base64` of each attribute, in order. */
function attributesBelow(folder: string): Map<string, string[]> {
  const options = ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'base64', '--absolute-names']
  const { stdout } = spawnSync('getfattr', [...options, '--', folder], { encoding: 'latin1' })
  const found = new Map<string, string[]>()
  for (const block of (stdout ?? '').split('\n\n')) {
    const [head = '', ...lines] = block.split('\n').filter((line) => line !== '')
    const at = head
      .replace('# file: ', '')
      .replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
    found.set(at, lines.filter((line) => !line.startsWith('security.selinux=')).toSorted())
  }
  return found
}

function printable(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  if (Buffer.from(text).equals(bytes)) return text
  return bytes.toString('latin1').replaceAll(/[^ -~]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`)
}
