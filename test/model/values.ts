/** What files hold in the model: values that are never used twice, so that each byte of a version tells who wrote it when. */
import { createHash } from 'node:crypto'
import { lstatSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'

/** The files of an app's state: `<index of the declared path>/<path below it>` to what it holds. */
export type Content = ReadonlyMap<string, string>

const BIG_BYTES = 1_200_000

/** The bytes of value number `k`: short ones differ in length from one to the next, some fill a pack of their own. */
export function bytesOfValue(k: number, big: boolean): Buffer {
  const text = Buffer.from(`#${k}${'.'.repeat(k % 17)}`)
  if (!big) return text
  // Incompressible, so that it does not fit into the version object.
  const parts = [text]
  for (let bytes = 0, i = 0; bytes < BIG_BYTES; bytes += 64, i += 1)
    parts.push(createHash('sha512').update(`${k}/${i}`).digest())
  return Buffer.concat(parts)
}

/** What a person would call these bytes: small ones as they are. */
export function nameOfBytes(bytes: Buffer): string {
  if (bytes.length <= 256) return bytes.toString('latin1').replace(/\.+$/, '')
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8)
  return `${
    bytes
      .subarray(0, 16)
      .toString('latin1')
      .split(/[^#0-9]/)[0]
  }-${bytes.length}-${hash}`
}

/** What lies on disk below `dir`, the agent's own files left out. */
export function readContent(dir: string, root: number): Map<string, string> {
  const content = new Map<string, string>()
  const walk = (below: string) => {
    for (const name of readdirSync(path.join(dir, below)).toSorted()) {
      if (name.startsWith('.holdfast')) continue
      const at = path.join(below, name)
      if (lstatSync(path.join(dir, at)).isDirectory()) walk(at)
      else content.set(`${root}/${at}`, nameOfBytes(readFileSync(path.join(dir, at))))
    }
  }
  walk('')
  return content
}

export function sameContent(a: Content, b: Content): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value)
}

export function onRoot(content: Content, root: number): Map<string, string> {
  return new Map([...content].filter(([name]) => name.startsWith(`${root}/`)))
}

export function showContent(content: Content): string {
  const files = [...content].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${files.map(([name, value]) => `${name}=${value}`).join(' ')}}`
}
