/** Answers of the store that `verify` must not call damage. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WrongKeyError } from '../../shared/encryption/wrong-key-error.ts'
import { NewerFormatError } from '../../shared/errors.ts'
import { decodeHeader, encodeObject } from '../../shared/repository/object-file.ts'
import { versionKey } from '../../shared/repository/object-keys.ts'
import { DamageableStream, makeTwelveVersions, STREAM } from './damageable-stream.ts'

let objects: ReadonlyMap<string, Buffer>
let stream: DamageableStream

beforeAll(async () => {
  objects = await makeTwelveVersions()
})
beforeEach(async () => {
  stream = await DamageableStream.of(objects)
})

describe('what is no damage', () => {
  it('a version of a newer format: it is refused, and nothing is recorded', async () => {
    stream.rewriteHeader(versionKey(STREAM, stream.nth(3)), { format: 3 })
    await expect(stream.verify()).rejects.toThrow(NewerFormatError)
    await expect(stream.verify()).rejects.toThrow('the object is not damaged')
  })

  it('an object whose end is not as in this format, and whose first line names another one', async () => {
    const key = versionKey(STREAM, stream.nth(3))
    const body = Buffer.from('holdfast/3\nsomething that nobody here can know\n')
    stream.put(key, body)
    await expect(stream.verify()).rejects.toThrow(NewerFormatError)
  })

  it('a version that is sealed with a key that is not given', async () => {
    stream.rewriteHeader(versionKey(STREAM, stream.nth(3)), {
      format: 2,
      key: 'k1',
      sealed: 'AAAA',
    })
    await expect(stream.verify()).rejects.toThrow(WrongKeyError)
  })

  it('a pack of a newer format', async () => {
    const [key = ''] = stream.packs()
    stream.rewriteHeader(key, { format: 3 })
    await expect(stream.verify()).rejects.toThrow(NewerFormatError)
  })

  it('fields that nobody here knows', async () => {
    const key = versionKey(STREAM, stream.nth(-1))
    const body = stream.store.objects.get(key)?.body ?? Buffer.alloc(0)
    const header = decodeHeader(key, body) as object
    const line = JSON.stringify({ ...header, weather: 'fair' })
    const frames = body.subarray(11, body.lastIndexOf(`\n${JSON.stringify(header)}\n`))
    const again = encodeObject([frames], JSON.parse(line) as object)
    stream.put(key, again)
    expect(await stream.verify()).toMatchObject({ damaged: [], problems: [] })
  })

  it('one bit in the first line, which makes a 3 of a 1: the header knows better', async () => {
    const key = versionKey(STREAM, stream.nth(-1))
    const body = stream.store.objects.get(key)?.body
    body?.write('3', 9, 'latin1')
    const { damaged } = await stream.verify()
    expect(damaged[0]?.problem).toContain('does not begin with "holdfast/1"')
  })

  it('a version that is pruned while the run goes on', async () => {
    const [pruned = 0] = stream.numbers.slice(-1)
    const [key = ''] = stream.packs()
    stream.spoil(key, 2000)
    // It was read with the log; when the losses are looked for, it has gone.
    const get = stream.store.get.bind(stream.store)
    let reads = 0
    stream.store.get = async (asked, range) => {
      if (asked === key && (reads += 1) === 2)
        stream.store.objects.delete(versionKey(STREAM, pruned))
      return get(asked, range)
    }
    const { damaged } = await stream.verify()
    expect(damaged.length).toBeGreaterThan(0)
    for (const { to, problem } of damaged) {
      expect(problem).toBeNull()
      expect(to).toBeLessThan(pruned)
    }
  })
})
