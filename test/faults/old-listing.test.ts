/** Listings that lag behind what is there, and that name what is not: neither is asked again and again without a pause. */
import { expect, test } from 'vitest'
import { LogWriter } from '../../agent/session/log-writer.ts'
import { UnreachableError, type ObjectInfo } from '../../shared/object-store/object-store.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { MemoryStore, patience } from '../shared/repository/memory-store.ts'

const STREAM = { namespace: 'market', app: 'shop', slot: '0' }

function writerOn(store: MemoryStore, name: string): LogWriter {
  const identity = {
    writer: name,
    pod: { name, uid: name, boot: '', node: '' },
    graceSeconds: 0,
  }
  return new LogWriter(new VersionLog(store, STREAM, patience()), identity, patience())
}

/** A record of no consequence. */
async function append(writer: LogWriter) {
  return writer.append(() => ({
    kind: 'done',
    open: 1,
    branch: true,
    lineage: 'L1',
    parent: 0,
  }))
}

test('a listing that lags by thirty records costs a request for each, not a storm', async () => {
  const store = new MemoryStore()
  const first = writerOn(store, 'first')
  await append(first)
  const old = await store.list('')
  for (let n = 0; n < 30; n += 1) await append(first)

  const second = writerOn(store, 'second')
  store.list = () => {
    store.calls.push('list')
    return Promise.resolve(old)
  }
  await second.look()
  store.calls.length = 0
  const appended = await append(second)
  expect(appended?.n).toBe(32)
  expect(store.calls.filter((call) => call === 'list')).toHaveLength(1)
  expect(store.calls.length).toBeLessThan(40)
})

test('a listing that names what is not there is no answer', async () => {
  const store = new MemoryStore()
  await append(writerOn(store, 'first'))
  const listed: ObjectInfo[] = await store.list('')
  store.objects.clear()
  store.list = () => Promise.resolve(listed)
  const head = new VersionLog(store, STREAM, patience()).head()
  await expect(head).rejects.toThrow(UnreachableError)
  await expect(head).rejects.toThrow('lists v1')
})
