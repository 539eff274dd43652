import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { createFileStore } from '../../../shared/object-store/file-store.ts'

vi.mock('node:fs/promises', { spy: true })

const directory = await fs.mkdtemp(join(tmpdir(), 'file-listing-'))
afterAll(async () => fs.rm(directory, { recursive: true }))

test('the first key of very many costs a look at one file', async () => {
  await fs.mkdir(join(directory, 'versions'))
  for (let number = 0; number < 3000; number++)
    await fs.writeFile(join(directory, 'versions', String(10_000 + number)), '')
  const store = createFileStore(directory)
  vi.mocked(fs.lstat).mockClear()
  expect(await store.list('versions/', { limit: 1 })).toMatchObject([{ key: 'versions/10000' }])
  expect(fs.lstat).toHaveBeenCalledTimes(1)
  expect(await store.list('', { after: 'versions/12998' })).toHaveLength(1)
  expect(fs.lstat).toHaveBeenCalledTimes(2)
})
