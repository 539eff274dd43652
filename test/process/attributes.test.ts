/** Extended attributes and ACLs in versions, by the real command and the real agent. Skipped where tools or file system lack them. */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Attributes } from '../../agent/volume/attribute-dump.ts'
import { readAttributes, writeAttributes } from '../../agent/volume/extended-attributes.ts'
import { fsPath } from '../../agent/volume/raw-path.ts'
import { systemClock } from '../../shared/clock.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { loadManifest } from '../../shared/repository/version-object.ts'
import { LAUNCHER, holdfastHere, json } from '../cli/command.ts'
import { createPod } from '../support/agent-pod.ts'
import { attributePlace } from '../support/attribute-place.ts'
import { isShipped, viewRepository } from '../support/repository-view.ts'

const place = attributePlace()
const [home, why] = 'why' in place ? ['', place.why] : [place.folder, '']
if (why !== '') console.log(`tests of extended attributes in versions are skipped: ${why}`)

const ACCESS = 'system.posix_acl_access'
const DEFAULT = 'system.posix_acl_default'
/** Read and write for the owner, for user 1234 and by the mask; the rest may read. */
const ACL = 'AgAAAAEABgD/////AgAGANIEAAAEAAQA/////xAABgD/////IAAEAP////8='
const ONE = { 'user.x': 'eA==' }
const STREAM = { namespace: 'test', app: 'app', slot: '0' }

let folder: string
let source: string
let store: string

beforeEach(() => {
  if (why !== '') return
  folder = fs.mkdtempSync(path.join(home, 'test-'))
  source = path.join(folder, 'source')
  store = pathToFileURL(path.join(folder, 'store')).href
  fs.mkdirSync(source)
})
afterAll(() => {
  if (home !== '') fs.rmSync(home, { recursive: true })
})

/** By path below the source. */
async function set(wanted: Record<string, Attributes>): Promise<void> {
  const located = Object.entries(wanted).map(
    ([name, attributes]) => [path.join(source, name), attributes] as const,
  )
  expect(await writeAttributes({ set: new Map(located), remove: new Map() })).toEqual([])
}

async function attributesOf(directory: string): Promise<Record<string, Attributes>> {
  const found = [...((await readAttributes(directory))?.found ?? [])]
  return Object.fromEntries(
    found
      .map(([location, attributes]) => [location.slice(directory.length + 1), attributes] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}

function write(name: string): void {
  fs.writeFileSync(fsPath(path.join(source, name)), name)
}

const repository = () => ['--store', store, '--stream', 'test/app/0']
const ship = () =>
  holdfastHere('replicate', ...repository(), '--path', source, '--once', '--output', 'json')
const restore = (to: string, ...more: string[]) =>
  holdfastHere('restore', ...repository(), '--to', to, '--output', 'json', ...more)

/** The version that was made; 0 for none. */
async function shipped(): Promise<number> {
  const result = await ship()
  expect(result.code, result.stderr).toBe(0)
  const { made, version } = json(result) as { made: boolean; version: number }
  return made ? version : 0
}

async function faultsOf(version: number) {
  const opened = await openStore(store)
  const log = new VersionLog(opened, STREAM, { clock: systemClock, giveUpAfterMs: 0 })
  return (await loadManifest(opened, log, version)).faults
}

function withoutTools(): () => void {
  const { PATH = '' } = process.env
  const back = () => void (process.env['PATH'] = PATH)
  onTestFinished(back)
  process.env['PATH'] = path.join(folder, 'nothing')
  return back
}

/** As root without the right to set what is root's alone. */
function spawnWithoutAdmin(words: readonly string[]) {
  const bound = ['setpriv', '--bounding-set', '-sys_admin', '--inh-caps', '-sys_admin']
  const [command = '', ...args] = [...bound, ...words]
  return spawnSync(command, args, { encoding: 'utf8' })
}

describe.skipIf(why !== '')('extended attributes', () => {
  test('come back on files and directories, whatever their names', async () => {
    for (const name of ['plain', 'line\nend', 'no UTF-8 \udcff', 'acl']) write(name)
    fs.mkdirSync(path.join(source, 'shared'))
    fs.symlinkSync('acl', path.join(source, 'link'))
    await set({
      'line\nend': ONE,
      'no UTF-8 \udcff': { 'user.empty': '', ...ONE },
      acl: { [ACCESS]: ACL },
      shared: { [ACCESS]: ACL, [DEFAULT]: ACL, ...ONE },
    })
    write('shared/inherits')
    write('shared/not any more')
    spawnSync('setfattr', ['-x', ACCESS, path.join(source, 'shared/not any more')])
    const wanted = await attributesOf(source)
    expect(wanted).toHaveProperty(['shared/inherits', ACCESS])
    expect(wanted).not.toHaveProperty(['shared/not any more'])
    expect(await shipped()).toBeGreaterThan(0)

    const to = path.join(folder, 'to')
    const restored = await restore(to)
    expect(json(restored)).toMatchObject({ attributesNotRestored: [] })
    expect(await attributesOf(to)).toEqual(wanted)
    for (const name of ['acl', 'shared', 'shared/inherits', 'shared/not any more'])
      expect(fs.statSync(path.join(to, name)).mode).toBe(fs.statSync(path.join(source, name)).mode)
  })

  test('that a directory above would have new files inherit are taken away again', async () => {
    write('file')
    expect(await shipped()).toBeGreaterThan(0)
    const above = path.join(folder, 'above')
    fs.mkdirSync(above)
    await writeAttributes({ set: new Map([[above, { [DEFAULT]: ACL }]]), remove: new Map() })
    await restore(path.join(above, 'to'))
    expect(await attributesOf(path.join(above, 'to'))).toEqual({})
  })

  test('make a version when they alone change, and none when they do not', async () => {
    write('file')
    fs.mkdirSync(path.join(source, 'directory'))
    expect(await shipped()).toBeGreaterThan(0)
    expect(await shipped()).toBe(0)
    await set({ directory: ONE })
    expect(await shipped()).toBeGreaterThan(0)
    await set({ file: ONE })
    expect(await shipped()).toBeGreaterThan(0)
    expect(await shipped()).toBe(0)
    spawnSync('setfattr', ['-x', 'user.x', path.join(source, 'file')])
    expect(await shipped()).toBeGreaterThan(0)
    expect(await shipped()).toBe(0)
  })

  test('that differ are all that a restore changes, in both directions', async () => {
    write('file')
    fs.mkdirSync(path.join(source, 'directory'))
    await set({ file: { 'user.kept': 'eA==', 'user.other': 'eA==' }, directory: ONE })
    const wanted = await attributesOf(source)
    await shipped()
    await set({ file: { 'user.other': 'eQ==', 'user.new': '' } })
    spawnSync('setfattr', ['-x', 'user.x', path.join(source, 'directory')])
    const restored = json(await restore(source))
    expect(restored).toMatchObject({ plan: { writeFiles: 0 }, attributesNotRestored: [] })
    expect(await attributesOf(source)).toEqual(wanted)
    expect(json(await restore(source, '--dry-run'))).toMatchObject({ plan: { unchanged: 3 } })
  })

  test.skipIf(process.getuid?.() !== 0)('that one may not set are named', async () => {
    write('file')
    await set({ file: { 'trusted.x': 'eA==', ...ONE } })
    await shipped()
    const words = [LAUNCHER, 'restore', ...repository(), '--to', path.join(folder, 'to')]
    const { stdout, status } = spawnWithoutAdmin([process.execPath, ...words])
    expect(status).toBe(0)
    expect(stdout).toMatch(/1 extended attribute could not be given back:\n {2}.*file: trusted\.x/)
    expect(await attributesOf(path.join(folder, 'to'))).toEqual({ file: ONE })
  })

  test('are said not to have been looked for without the tools, once; and are found with them', async () => {
    write('file')
    await set({ file: ONE })
    const first = await shipped()
    const bringBack = withoutTools()
    write('file')
    const second = await shipped()
    expect(second).toBeGreaterThan(first)
    expect(await faultsOf(second)).toEqual([
      {
        name: '0',
        kind: 'notRestorable',
        why: 'extended attributes were not looked for: getfattr is not installed',
        attribute: '*',
      },
    ])
    expect(await shipped()).toBe(0)
    const restored = json(await restore(path.join(folder, 'without')))
    expect(restored).toMatchObject({
      attributesNotRestored: [{ attribute: 'user.x', why: 'setfattr is not installed' }],
    })
    bringBack()
    const third = await shipped()
    expect(await faultsOf(third)).toEqual([])
    await restore(path.join(folder, 'to'))
    expect(await attributesOf(path.join(folder, 'to'))).toEqual({ file: ONE })
  })

  test('are shipped by the agent when they change, and given to a new pod', async () => {
    const volume = path.join(folder, 'volume')
    source = volume
    fs.mkdirSync(volume)
    const pod = await createPod({ store, volume })
    const view = await viewRepository(store)
    pod.write('file', 'content')
    pod.write('directory/below', 'content')
    const agent = pod.start()
    await isShipped(agent, pod, view)
    for (const name of ['file', 'directory', 'directory/below']) {
      const before = await view.latest()
      await set({ [name]: ONE })
      await agent.until(`${name} is shipped with its attributes`, async () => {
        const { entries } = await loadManifest(view.store, view.log, await view.latest())
        return entries.get(`0/${name}`)?.attributes !== undefined
      })
      expect(await view.latest()).toBeGreaterThan(before)
    }
    expect(await agent.stop()).toEqual({ code: 0, signal: null })
    const other = path.join(folder, 'other')
    fs.mkdirSync(other)
    const next = (await createPod({ store, volume: other })).start()
    await next.ready()
    const wanted = { file: ONE, directory: ONE, 'directory/below': ONE }
    expect(await attributesOf(other)).toEqual(wanted)
    const latest = await view.latest()
    expect(await next.stop()).toEqual({ code: 0, signal: null })
    expect(await view.latest()).toBe(latest) // nothing differed
  })
})
