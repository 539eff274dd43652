import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DataKey } from '../../shared/encryption/key-wrap.ts'
import { createVault } from '../../shared/encryption/vault.ts'
import { listWraps, newDataKey, unwrapNewest } from '../../shared/encryption/wrap-chain.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import { encodeObject } from '../../shared/repository/object-file.ts'
import { versionKey } from '../../shared/repository/object-keys.ts'
import { holdfastHere, json } from './command.ts'

let folder: string
let store: ObjectStore
let dataKey: DataKey
let check: string[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sealed-'))
  const bytes = randomBytes(32)
  process.env['HOLDFAST_KEY'] = bytes.toString('hex')
  store = await openStore(pathToFileURL(folder).href)
  const at = ['--store', store.url, '--namespace', 'shop']
  expect((await holdfastHere('key', 'init', ...at)).code).toBe(0)
  dataKey = unwrapNewest('shop', await listWraps(store, 'shop'), { bytes, from: 'HOLDFAST_KEY' })
  check = ['key', 'check', ...at]
})
afterEach(() => {
  delete process.env['HOLDFAST_KEY']
  rmSync(folder, { recursive: true })
})

/** Gives a stream one version, sealed with `key`, of which `change` is then made. */
async function addStream(
  app: string,
  key: DataKey,
  change: (header: object) => object = (header) => header,
): Promise<void> {
  const stream = { namespace: 'shop', app, slot: '0' }
  const header = { format: 1, kind: 'version', n: 1, roots: ['a'], log: { head: { version: 1 } } }
  const sealed = createVault(key.bytes, key.id, stream).sealHeader(header, 'roots')
  await store.create(versionKey(stream, 1), encodeObject([], change(sealed)))
}

test('tells which key each stream of the namespace is sealed with', async () => {
  await addStream('api', dataKey)
  await addStream('web', dataKey)
  const checked = await holdfastHere(...check)
  expect(checked).toMatchObject({ code: 0, stderr: '' })
  for (const app of ['api', 'web'])
    expect(checked.stdout).toMatch(new RegExp(`^shop/${app}/0 +v1 +${dataKey.id}$`, 'm'))
})

test('tells a stream that is sealed with another key', async () => {
  const other = newDataKey()
  await addStream('api', dataKey)
  await addStream('web', other)
  const { code, stdout } = await holdfastHere(...check, '--output', 'json')
  expect(code).toBe(12)
  expect(JSON.parse(stdout)).toMatchObject({
    streams: [
      { stream: 'shop/api/0', key: dataKey.id, state: 'sound' },
      { stream: 'shop/web/0', key: other.id, state: 'another key' },
    ],
  })
})

test('tells a version that was changed from one of another key', async () => {
  await addStream('api', newDataKey())
  await addStream('web', dataKey, (header) => ({ ...header, kind: 'versions' }))
  const checked = await holdfastHere(...check, '--output', 'json')
  expect(checked.code).toBe(1)
  expect(json(checked)).toMatchObject({
    streams: [
      { state: 'another key' },
      { state: 'damaged', problem: expect.stringContaining('is corrupt') as string },
    ],
  })
})

test('goes on where the newest record of a stream does not read', async () => {
  const stream = { namespace: 'shop', app: 'api', slot: '0' }
  await store.create(versionKey(stream, 1), Buffer.from('rubbish'))
  await addStream('web', dataKey)
  const checked = await holdfastHere(...check)
  expect(checked.code).toBe(1)
  expect(checked.stdout).toMatch(/shop\/api\/0 +none +object .* is corrupt/)
  expect(checked.stdout).toContain(`v1      ${dataKey.id}`)
})
