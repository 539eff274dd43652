/** Reads zip archives: Node has none, and the format is two tables. Without encryption and without zip64. */
import { inflateRawSync } from 'node:zlib'

const END = Buffer.from('PK\x05\x06')
const STORED = 0

/** Each file's name, with a function that brings its content. */
export function* filesOfZip(zip: Buffer): Generator<[string, () => Buffer]> {
  const end = zip.lastIndexOf(END)
  if (end < 0) throw new Error('no zip archive')
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const method = zip.readUInt16LE(at + 10)
    const bytes = zip.readUInt32LE(at + 20)
    const [name, extra, comment] = [28, 30, 32].map((field) => zip.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ]
    const local = zip.readUInt32LE(at + 42)
    const from = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
    const packed = zip.subarray(from, from + bytes)
    const content = () => (method === STORED ? packed : inflateRawSync(packed))
    yield [zip.toString('utf8', at + 46, at + 46 + name), content]
    at += 46 + name + extra + comment
  }
}
