/** What `verify` records for the agent. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { recordResult } from '../../cli/verify-record.ts'
import { AccessDeniedError } from '../../shared/object-store/object-store.ts'
import { readDamage } from '../../shared/repository/damage.ts'
import { packKey, versionKey } from '../../shared/repository/object-keys.ts'
import { DamageableStream, makeTwelveVersions, STREAM } from './damageable-stream.ts'

let objects: ReadonlyMap<string, Buffer>
let stream: DamageableStream

beforeAll(async () => {
  objects = await makeTwelveVersions()
})
beforeEach(async () => {
  stream = await DamageableStream.of(objects)
})

describe('what the agent is told', () => {
  it('is nothing of a sound stream', async () => {
    expect(await stream.filesToReadAgain()).toEqual(new Set())
  })

  it('names the files of the head that verify calls lost', async () => {
    const [key = ''] = stream.packs()
    stream.spoil(key, 2000)
    stream.spoil(versionKey(STREAM, stream.nth(-1)), 2000)
    const names = await stream.filesToReadAgain()
    expect(names.has('0/changing')).toBe(true)
    expect(names.size).toBeGreaterThan(1)
    expect(names.size).toBeLessThan(4)
  })

  it('names all files of a pack that has gone', async () => {
    for (const key of stream.packs()) stream.store.objects.delete(key)
    const names = await stream.filesToReadAgain()
    for (const name of ['0/a', '0/b', '0/c']) expect(names.has(name)).toBe(true)
    const damage = await readDamage(stream.store, STREAM)
    expect([...damage.values()].every(({ gone }) => gone)).toBe(true)
  })

  it('is of no interest once the head refers to other bytes', async () => {
    const first = stream.nth(1)
    stream.spoil(versionKey(STREAM, first), 2000)
    expect(await stream.filesToReadAgain()).toEqual(new Set())
    const damage = await readDamage(stream.store, STREAM)
    expect([...damage.keys()]).toEqual([`v${first}`])
    expect(stream.store.objects.has(packKey(STREAM, `v${first}`))).toBe(true)
  })

  it('says which manifests no delta may be told against', async () => {
    const broken = stream.nth(1)
    const body = stream.store.objects.get(versionKey(STREAM, broken))?.body ?? Buffer.alloc(0)
    const cut = body.subarray(0, body.length - 30)
    stream.put(versionKey(STREAM, broken), cut)
    await recordResult(stream.reading(), await stream.verify())
    const damage = await readDamage(stream.store, STREAM)
    expect([...damage].filter(([, { manifest }]) => manifest).map(([pack]) => pack)).toEqual([
      `v${broken}`,
    ])
  })
})

it('credentials that may only read: the verdict is told, and that it could not be recorded', async () => {
  stream.store.create = () => Promise.reject(new AccessDeniedError('403'))
  expect(await recordResult(stream.reading(), await stream.verify())).toEqual({ problem: '403' })
})
