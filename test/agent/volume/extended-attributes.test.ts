/** With the real tools, on a real file system. Where one of them is missing the tests are skipped, and say why. */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Attributes } from '../../../agent/volume/attribute-dump.ts'
import { DumpReader, formatDump } from '../../../agent/volume/attribute-dump.ts'
import { isKeptAttribute, isNodesAttribute } from '../../../agent/volume/attribute-policy.ts'
import {
  planAttributes,
  readAttributes,
  readAttributesOf,
  writeAttributes,
} from '../../../agent/volume/extended-attributes.ts'
import { fsPath } from '../../../agent/volume/raw-path.ts'
import { attributePlace } from '../../support/attribute-place.ts'
import { SeededRandom, runSeed } from '../../support/seeded-random.ts'

const place = attributePlace()
const [home, why] = 'why' in place ? ['', place.why] : [place.folder, '']
if (why !== '') console.log(`tests of extended attributes are skipped: ${why}`)

/** Read and write for the owner, read and write for user 1234, the rest as the mode says; and the same as a default. */
const ACL = 'AgAAAAEABgD/////AgAGANIEAAAEAAQA/////xAABgD/////IAAEAP////8='
/** Read for the owner, for user 1234, for the group and for others. */
const READ_ONLY_ACL = 'AgAAAAEABAD/////AgAEANIEAAAEAAQA/////xAABAD/////IAAEAP////8='
const ODD_NAMES = [
  'line\nend',
  'back\\slash',
  '\\012 that is none',
  'return\rhere',
  'equals=here',
  '# file: other',
  ' spaces ',
  'tab\there',
  'grün',
  'not UTF-8 \udcff\udcfe',
  '-n',
  'a: user.b: c',
]

function write(name: string): string {
  const location = `${home}/${name}`
  fs.writeFileSync(fsPath(location), 'content')
  return location
}

function base64(random: SeededRandom, length: number): string {
  return Buffer.from(Array.from({ length }, () => random.below(256))).toString('base64')
}

async function set(wanted: Record<string, Attributes>) {
  return writeAttributes({ set: new Map(Object.entries(wanted)), remove: new Map() })
}

async function found(): Promise<Record<string, Attributes>> {
  return Object.fromEntries((await readAttributes(home))?.found ?? [])
}

afterAll(() => {
  if (home !== '') fs.rmSync(home, { recursive: true })
})

describe.skipIf(why !== '')('attributes', () => {
  afterEach(() => {
    for (const name of fs.readdirSync(Buffer.from(home), 'buffer'))
      fs.rmSync(Buffer.concat([Buffer.from(`${home}/`), name]), { recursive: true })
  })

  test('of a tree without any are none', async () => {
    write('plain')
    expect(await readAttributes(home)).toEqual({
      found: new Map(),
      lost: new Map(),
      failed: new Map(),
    })
  })

  test('come back as they were given, whatever the names of files and attributes', async () => {
    const random = new SeededRandom(runSeed('attributes'))
    const wanted: Record<string, Attributes> = {}
    for (const [index, name] of ODD_NAMES.entries())
      wanted[write(name)] = {
        [`user.${name}`]: Buffer.from([index]).toString('base64'),
        'user.empty': '',
        'user.long': base64(random, 1 + random.below(900)),
      }
    expect(await set(wanted)).toEqual([])
    expect(await found()).toEqual(wanted)
    const some = Object.keys(wanted).filter((_, index) => index % 2 === 0)
    const reading = await readAttributesOf(some)
    expect([...(reading?.found.keys() ?? [])].toSorted()).toEqual(some.toSorted())
  })

  test('of directories, nested files and a root that is a file are found; links are not followed', async () => {
    const outside = write('outside')
    const inside = path.join(home, 'd/e')
    fs.mkdirSync(inside, { recursive: true })
    fs.symlinkSync(outside, path.join(inside, 'link'))
    fs.writeFileSync(path.join(inside, 'file'), '')
    const one = { 'user.x': 'eA==' }
    await set({ [outside]: one, [inside]: one, [path.join(inside, 'file')]: one })
    const below = await readAttributes(path.join(home, 'd'))
    expect([...(below?.found.keys() ?? [])].toSorted()).toEqual([inside, `${inside}/file`])
    expect([...((await readAttributes(outside))?.found ?? [])]).toEqual([[outside, one]])
  })

  test('are in the order of their names, however they were set', async () => {
    const location = write('file')
    for (const name of ['user.b', 'user.c', 'user.a']) await set({ [location]: { [name]: 'eA==' } })
    expect(Object.keys((await found())[location] ?? {})).toEqual(['user.a', 'user.b', 'user.c'])
  })

  test('that hold ACLs take the mode with them', async () => {
    const directory = path.join(home, 'shared')
    fs.mkdirSync(directory)
    const file = write('file')
    const wanted = {
      [directory]: { 'system.posix_acl_access': ACL, 'system.posix_acl_default': ACL },
      [file]: { 'system.posix_acl_access': ACL },
    }
    expect(await set(wanted)).toEqual([])
    expect(await found()).toEqual(wanted)
    expect(fs.statSync(file).mode & 0o777).toBe(0o664)
  })

  test('that a version does not have are removed, also those that a new file inherits', async () => {
    const directory = path.join(home, 'shared')
    fs.mkdirSync(directory)
    const acl = { 'system.posix_acl_default': ACL }
    await set({ [directory]: acl })
    fs.writeFileSync(path.join(directory, 'inherits'), '')
    const file = write('file')
    await set({ [file]: { 'user.old': 'eA==', 'user.kept': 'eA==', 'user.other': 'eA==' } })
    const wanted = new Map<string, Attributes | undefined>([
      [directory, acl],
      [path.join(directory, 'inherits'), undefined],
      [file, { 'user.kept': 'eA==', 'user.other': 'eQ==', 'user.new': '' }],
    ])
    const present = (await readAttributes(home))?.found ?? new Map<string, Attributes>()
    expect(present.get(path.join(directory, 'inherits'))).toHaveProperty([
      'system.posix_acl_access',
    ])
    const plan = planAttributes(wanted, present)
    expect(plan.set).toEqual(new Map([[file, { 'user.other': 'eQ==', 'user.new': '' }]]))
    expect(await writeAttributes(plan)).toEqual([])
    const now = (await readAttributes(home))?.found ?? new Map<string, Attributes>()
    expect(now).toEqual(new Map([...wanted].filter(([, attributes]) => attributes !== undefined)))
    expect(planAttributes(wanted, now)).toEqual({ set: new Map(), remove: new Map() })
  })

  test('that are refused are named, and keep no other from being set', async () => {
    const link = path.join(home, 'link')
    fs.symlinkSync('nowhere', link) // links take no attributes of users
    const gone = path.join(home, 'go\nne')
    const file = write('file')
    const one = { 'user.x': 'eA==' }
    expect(await set({ [link]: one, [gone]: one, [file]: one })).toEqual([
      { location: link, name: 'user.x', why: expect.stringMatching(/./) as string },
      { location: gone, name: 'user.x', why: expect.stringMatching(/./) as string },
    ])
    expect(await found()).toEqual({ [file]: one })
  })

  test('that one may not read are told of', async () => {
    const closed = write('a: clo\nsed')
    await set({ [closed]: { 'user.x': 'eA==' } })
    fs.chmodSync(closed, 0)
    const reading = runBoundByModes(`[...(await readAttributes(${JSON.stringify(home)})).failed]`)
    expect(reading).toEqual([[closed, expect.stringMatching(/./)]])
    const gone = path.join(home, 'gone')
    expect([...((await readAttributesOf([gone]))?.failed.keys() ?? [])]).toEqual([gone])
  })

  test('are given back to what the app has made read-only, and it stays so', async () => {
    const directory = path.join(home, 'closed')
    fs.mkdirSync(directory)
    const file = write('file')
    fs.chmodSync(directory, 0o555)
    fs.chmodSync(file, 0o4444)
    const attributes = { 'system.posix_acl_access': READ_ONLY_ACL, 'user.x': 'eA==' }
    const wanted: [string, Attributes][] = [
      [directory, attributes],
      [file, attributes],
    ]
    const plain = write('plain')
    fs.chmodSync(plain, 0o440)
    wanted.push([plain, { 'user.x': 'eA==' }])
    const plan = `{ set: new Map(${JSON.stringify(wanted)}), remove: new Map() }`
    expect(runBoundByModes(`await writeAttributes(${plan})`)).toEqual([])
    expect(await found()).toEqual(Object.fromEntries(wanted))
    const modes = [directory, file, plain].map((at) => fs.statSync(at).mode & 0o7777)
    expect(modes.map((mode) => mode.toString(8))).toEqual(['444', '4444', '440'])
  })

  test('in number are read in as many calls as it takes', async () => {
    const one = { 'user.x': 'eA==' }
    const locations = Array.from({ length: 3000 }, (_, n) => write(`${'long'.repeat(30)}-${n}`))
    await set(Object.fromEntries(locations.map((location) => [location, one])))
    const reading = await readAttributesOf(locations)
    expect(reading?.found.size).toBe(3000)
    const plan = planAttributes(
      locations.map((location) => [location, undefined]),
      reading?.found ?? new Map<string, Attributes>(),
    )
    expect(await writeAttributes(plan)).toEqual([])
    expect(await found()).toEqual({})
  })

  test('are not looked for where the tools are not installed', async () => {
    const { PATH = '' } = process.env
    onTestFinished(() => void (process.env['PATH'] = PATH))
    const plan = { set: new Map([[home, { 'user.x': 'eA==' }]]), remove: new Map() }
    const xargs = PATH.split(':').find((folder) => fs.existsSync(path.join(folder, 'xargs'))) ?? ''
    fs.mkdirSync(path.join(home, 'bin'))
    fs.symlinkSync(path.join(xargs, 'xargs'), path.join(home, 'bin/xargs'))
    for (const folder of [path.join(home, 'bin'), path.join(home, 'nothing')]) {
      process.env['PATH'] = folder
      expect(await readAttributes(home)).toBeUndefined()
      expect(await writeAttributes(plan)).toBeUndefined()
    }
  })
})

/** What an expression comes to in a process that is bound by the modes of files also where the test is root. */
function runBoundByModes(expression: string): unknown {
  const module = path.join(import.meta.dirname, '../../../agent/volume/extended-attributes.ts')
  const program = `import { readAttributes, writeAttributes } from ${JSON.stringify(module)}
    console.log(JSON.stringify(${expression}))`
  const node = [process.execPath, '--input-type=module', '-e', program]
  const without = '-dac_override,-dac_read_search'
  const bound = ['setpriv', '--bounding-set', without, '--inh-caps', without]
  const [command = '', ...args] = process.getuid?.() === 0 ? [...bound, ...node] : node
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

test('a dump reads the same in pieces of any length', () => {
  const attributes = { 'user.=\n\\': 'eA==', 'user.b': '' }
  const dump = Buffer.concat(ODD_NAMES.map((name) => formatDump(`/${name}`, attributes)))
  for (const length of [1, 2, 7, dump.length]) {
    const read: string[][] = []
    const reader = new DumpReader((...one) => read.push(one))
    for (let from = 0; from < dump.length; from += length)
      reader.push(dump.subarray(from, from + length))
    const expected = ODD_NAMES.flatMap((name) =>
      Object.entries(attributes).map((one) => [`/${name}`, ...one]),
    )
    expect(read).toEqual(expected)
  }
})

test('a forged value cannot name another file', () => {
  const forged = formatDump('/data/a', { 'user.x': 'eA==\n\n# file: /etc/passwd\nuser.y=0seA==' })
  expect(forged.toString().match(/# file: /g)).toHaveLength(1)
})

test('what a node gives by its own policy is neither kept nor missed', () => {
  const kept = ['user.x', 'trusted.x', 'security.capability', 'system.posix_acl_access']
  const nodes = ['security.selinux', 'security.ima', 'security.evm', 'security.SMACK64EXEC']
  const lost = ['system.nfs4_acl', 'btrfs.compression', 'security.capability2', 'xuser.x']
  expect([...kept, ...nodes, ...lost].filter(isKeptAttribute)).toEqual(kept)
  expect([...kept, ...nodes, ...lost].filter(isNodesAttribute)).toEqual(nodes)
})
