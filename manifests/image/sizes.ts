/** What of the image is how large. */
import { lstatSync, readdirSync } from 'node:fs'
import path from 'node:path'

/** In bytes, by part, in this order; the last line is the whole. */
export function sizesOf(root: string): [string, number][] {
  const node = bytesBelow(path.join(root, 'usr/bin/node'))
  const parts: [string, number][] = [
    ['Node', node],
    ['the three programs (bundles)', bytesBelow(path.join(root, 'usr/lib/holdfast'))],
    ['licences and bill of materials', bytesBelow(path.join(root, 'usr/share'))],
  ]
  const all = bytesBelow(root)
  const rest = all - parts.reduce((sum, [, bytes]) => sum + bytes, 0)
  return [...parts, ["Debian's libraries and tools", rest], ['in all', all]]
}

function bytesBelow(place: string): number {
  const facts = lstatSync(place)
  if (!facts.isDirectory()) return facts.isFile() ? facts.size : 0
  return readdirSync(place).reduce((sum, name) => sum + bytesBelow(path.join(place, name)), 0)
}
