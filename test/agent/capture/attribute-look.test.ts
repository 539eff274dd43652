/** What a capture makes of extended attributes, whatever the tools say of them. */
import fs from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Attributes } from '../../../agent/volume/attribute-dump.ts'
import { AttributeToolError } from '../../../agent/volume/attribute-tool.ts'
import { AttributeTools } from '../../../agent/volume/attribute-tools.ts'
import type { AttributeReading } from '../../../agent/volume/extended-attributes.ts'
import { TempVolume } from './temp-volume.ts'

/** A volume whose attributes are what the test says; each call is noted. */
class ToldTools extends AttributeTools {
  readonly found = new Map<string, Attributes>()
  readonly lost = new Map<string, { first: string; count: number }>()
  readonly failed = new Map<string, string>()
  broken = false
  readonly calls: (readonly string[] | 'all')[] = []

  override read(): Promise<AttributeReading> {
    this.calls.push('all')
    return this.#answer(() => true)
  }

  override readOf(locations: readonly string[]): Promise<AttributeReading> {
    this.calls.push(locations)
    return this.#answer((location) => locations.includes(location))
  }

  #answer(concerns: (location: string) => boolean): Promise<AttributeReading> {
    if (this.broken) return Promise.reject(new AttributeToolError('getfattr ended with SIGKILL'))
    const among = <T>(map: ReadonlyMap<string, T>) =>
      new Map([...map].filter(([location]) => concerns(location)))
    const lost = new Map([...this.lost].filter(([, { first }]) => concerns(first)))
    return Promise.resolve({ found: among(this.found), lost, failed: among(this.failed) })
  }
}

const ONE = { 'user.x': 'eA==' }
const OTHER = { 'user.x': 'eQ==' }

let volume: TempVolume
let tools: ToldTools

beforeEach(() => {
  volume = new TempVolume()
  tools = new ToldTools()
  volume.tools = tools
  fs.mkdirSync(volume.dir)
  for (const name of ['a', 'b', 'c']) fs.writeFileSync(volume.at(name), name)
})
afterEach(() => volume.remove())

/** Moves the ctime, as a change of attributes does. */
function touch(name: string): void {
  fs.chmodSync(volume.at(name), fs.statSync(volume.at(name)).mode)
}

function attributesOf(name: string): Attributes | undefined {
  return volume.held.entries.get(`0/${name}`)?.attributes
}

test('of everything are read first, of what changed from then on', async () => {
  tools.found.set(volume.at('a'), ONE)
  await volume.commit()
  expect(attributesOf('a')).toEqual(ONE)
  touch('b')
  tools.found.set(volume.at('b'), ONE)
  const { changed, refreshed } = await volume.capture()
  expect([...changed.keys()]).toEqual(['0/b'])
  expect(refreshed.size).toBe(0)
  await volume.commit()
  expect([attributesOf('a'), attributesOf('b')]).toEqual([ONE, ONE])
  expect(tools.calls).toEqual(['all', [volume.at('b')], [volume.at('b')]])
})

test('that have gone are no more, and what only moved is no change', async () => {
  tools.found.set(volume.at('a'), ONE).set(volume.at('b'), ONE)
  await volume.commit()
  tools.found.delete(volume.at('a'))
  for (const name of ['a', 'b']) touch(name)
  const { changed, refreshed } = await volume.capture()
  expect([...changed.keys()]).toEqual(['0/a'])
  expect([...refreshed.keys()]).toEqual(['0/b'])
  await volume.commit()
  expect([attributesOf('a'), attributesOf('b')]).toEqual([undefined, ONE])
})

/** As an agent that has just started: the version may know nothing of attributes, and all of them are being read. */
function beginAnew(): void {
  volume.held.attributesSeen = false
  tools.calls.length = 0
  tools.begin([volume.dir])
}

test('of everything may be read before the volume is looked at: what changed since is read again', async () => {
  tools.found.set(volume.at('a'), ONE).set(volume.at('b'), ONE)
  await volume.commit()
  tools.found.set(volume.at('c'), ONE) // by something that the version before did not see
  beginAnew()
  for (const name of ['a', 'b']) touch(name)
  fs.writeFileSync(volume.at('new'), 'new')
  tools.found.set(volume.at('a'), OTHER).set(volume.at('new'), ONE).delete(volume.at('b'))
  await volume.commit()
  expect(['a', 'b', 'c', 'new'].map(attributesOf)).toEqual([OTHER, undefined, ONE, ONE])
  expect(tools.calls).toEqual(['all', expect.arrayContaining([volume.at('a'), volume.at('new')])])
  touch('c')
  await volume.commit()
  expect(tools.calls.at(-1)).toEqual([volume.at('c')])
})

test('that could not be read then are said to be unknown until they can', async () => {
  await volume.commit()
  tools.failed.set(volume.at('a'), 'EACCES').set(volume.at('b'), 'EACCES')
  beginAnew()
  touch('a')
  tools.failed.delete(volume.at('a'))
  const { faults } = await volume.capture()
  expect(faults.map(({ name }) => name)).toEqual(['0/b'])
})

test('that are not kept are counted anew where they were read before', async () => {
  await volume.commit()
  tools.lost.set('system.nfs4_acl', { first: volume.at('b'), count: 12 })
  beginAnew()
  touch('b')
  const { faults } = await volume.capture()
  expect(faults.map(({ why }) => why)).toEqual(['12 with system.nfs4_acl, which is not kept'])
  expect(tools.calls.at(-1)).toBe('all')
})

test('of a first version are read when it was looked at, whatever was read before', async () => {
  beginAnew()
  for (let i = 0; i < 2100; i += 1) fs.writeFileSync(volume.at(`f${i}`), '')
  tools.found.set(volume.at('f7'), ONE)
  await volume.commit()
  expect(attributesOf('f7')).toEqual(ONE)
  expect(tools.calls).toEqual(['all', 'all'])
})

test('of a file with several names are those of each', async () => {
  fs.linkSync(volume.at('a'), volume.at('link'))
  await volume.commit()
  touch('a')
  tools.found.set(volume.at('a'), ONE).set(volume.at('link'), ONE)
  await volume.commit()
  expect([attributesOf('a'), attributesOf('link')]).toEqual([ONE, ONE])
  expect(volume.held.links.get('0/link')).toBe('0/a')
})

test('that are not kept are said in one line for each, which stands', async () => {
  tools.lost.set('system.nfs4_acl', { first: volume.at('b'), count: 12 })
  await volume.commit()
  const said = [
    {
      name: '0/b',
      kind: 'notRestorable',
      why: '12 with system.nfs4_acl, which is not kept',
      attribute: 'system.nfs4_acl',
    },
  ]
  expect(volume.held.faults).toEqual(said)
  tools.lost.set('system.nfs4_acl', { first: volume.at('c'), count: 1 })
  for (const name of ['b', 'c']) {
    touch(name)
    const { changed, faults } = await volume.capture()
    expect(changed.size).toBe(0)
    expect(faults).toEqual(said)
    await volume.commit()
  }
})

test('that cannot be read are those that the file had, until they can', async () => {
  tools.found.set(volume.at('a'), ONE)
  await volume.commit()
  touch('a')
  tools.found.delete(volume.at('a'))
  tools.failed.set(volume.at('a'), 'Permission denied')
  await volume.commit()
  const why = 'its extended attributes cannot be read: Permission denied'
  const said = [{ name: '0/a', kind: 'notRestorable', why, attribute: '*' }]
  expect(attributesOf('a')).toEqual(ONE)
  expect(volume.held.faults).toEqual(said)
  touch('b')
  await volume.commit()
  expect(volume.held.faults).toEqual(said)
  touch('a')
  tools.failed.clear()
  tools.found.set(volume.at('a'), OTHER)
  await volume.commit()
  expect(attributesOf('a')).toEqual(OTHER)
  expect(volume.held.faults).toEqual([])
})

test('change unseen while the tool fails: then all are looked at once more', async () => {
  tools.found.set(volume.at('a'), ONE)
  await volume.commit()
  tools.broken = true
  touch('a')
  tools.found.set(volume.at('a'), OTHER)
  fs.writeFileSync(volume.at('b'), 'is shipped all the same')
  await volume.commit()
  expect(attributesOf('a')).toEqual(ONE)
  expect(volume.held.faults).toEqual([
    {
      name: '0',
      kind: 'notRestorable',
      why: 'extended attributes were not looked for: getfattr ended with SIGKILL',
      attribute: '*',
    },
  ])
  tools.broken = false
  await volume.commit()
  expect(tools.calls.at(-1)).toBe('all')
  expect(attributesOf('a')).toEqual(OTHER)
  expect(volume.held.faults).toEqual([])
})

test('of a file that changed between the look and its reading are looked at again', async () => {
  await volume.commit()
  fs.writeFileSync(volume.at('a'), 'first')
  const { doubtful } = await volume.capture(() => {
    touch('a')
  })
  expect([...doubtful]).toEqual(['0/a'])
})

test('of a directory that changed just now are looked at again', async () => {
  volume.clock = { ...volume.clock, now: () => new Date() }
  fs.mkdirSync(volume.at('directory'))
  const { doubtful } = await volume.capture()
  expect(doubtful).toContain('0/directory')
})
