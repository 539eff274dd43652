import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { createFileStore } from '../../shared/object-store/file-store.ts'
import { StoreRefusedError } from '../../shared/object-store/object-store.ts'
import { describeObjectStore } from './object-store.contract.ts'

const scratch = await mkdtemp(join(tmpdir(), 'file-store-'))
afterAll(async () => rm(scratch, { recursive: true }))

let opened = 0
function freshDirectory(): string {
  return join(scratch, `store-${opened++}`, 'not there yet')
}

describeObjectStore('a directory', async () => createFileStore(freshDirectory()))

function spawnCreator(directory: string, ...args: (string | number)[]): ChildProcess {
  const script = join(import.meta.dirname, '../support/create-objects.ts')
  const url = pathToFileURL(directory).href
  return spawn(process.execPath, [script, url, ...args.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}

describe('a directory and its processes', () => {
  test('of 16 processes that race for 40 keys, exactly one creates each, and its bytes stay', async () => {
    const directory = freshDirectory()
    const racers = Array.from({ length: 16 }, (_, racer) =>
      spawnCreator(directory, 'race', 40, 5000, `racer-${racer}`),
    )
    await Promise.all(racers.map(async (racer) => once(racer.stdout!, 'readable')))
    const outputs = racers.map(async (racer) => text(racer.stdout!))
    for (const racer of racers) racer.stdin!.end('go\n')
    const store = createFileStore(directory)
    const winners = new Map<number, number[]>()
    for (const [racer, output] of (await Promise.all(outputs)).entries())
      for (const line of output.split('\n').filter((word) => /^\d/.test(word)))
        winners.set(Number(line), [...(winners.get(Number(line)) ?? []), racer])
    for (let number = 0; number < 40; number++) {
      expect(winners.get(number)).toHaveLength(1)
      const found = await store.get(`race/${number}`)
      const expected = Buffer.alloc(5000, `racer-${winners.get(number)![0]} ${number} `)
      expect(found?.body.equals(expected)).toBe(true)
    }
    expect(await readdir(join(directory, '.unfinished'))).toEqual([])
  })

  test('a writer killed at any moment leaves only whole objects, and what it said is there', async () => {
    const directory = freshDirectory()
    const store = createFileStore(directory)
    const bytes = 3 * 1024 * 1024
    for (let round = 0; round < 15; round++) {
      const writer = spawnCreator(directory, `round-${round}`, 10_000, bytes, 'writer')
      await once(writer.stdout!, 'readable')
      const output = text(writer.stdout!)
      writer.stdin!.end('go\n')
      // Another moment each round; wherever it falls, the outcome has to be right.
      await sleep(10 + 4 * round)
      writer.kill('SIGKILL')
      const said = (await output).split('\n').filter((word) => /^\d+$/.test(word))
      const found = await store.list(`round-${round}/`)
      const keys = found.map(({ key }) => key)
      for (const number of said) expect(keys).toContain(`round-${round}/${number}`)
      for (const { key, sizeBytes } of found) {
        expect(sizeBytes, key).toBe(bytes)
        const expected = Buffer.alloc(bytes, `writer ${key.split('/')[1]} `)
        expect((await store.get(key))?.body.equals(expected), key).toBe(true)
      }
      expect(await store.folders('')).not.toContain('.unfinished')
      await rm(join(directory, `round-${round}`), { recursive: true, force: true })
    }
  })
})

describe('a directory and what else lies in it', () => {
  test('what a killed writer left is never seen, and removed after a day', async () => {
    const directory = freshDirectory()
    const unfinished = join(directory, '.unfinished')
    await mkdir(unfinished, { recursive: true })
    await writeFile(join(unfinished, 'old'), 'torn')
    await writeFile(join(unfinished, 'young'), 'torn')
    const dayAgo = Date.now() / 1000 - 25 * 60 * 60
    await utimes(join(unfinished, 'old'), dayAgo, dayAgo)
    const store = createFileStore(directory)
    expect(await store.list('')).toEqual([])
    expect(await store.folders('')).toEqual([])
    await store.create('a', Buffer.from('x'))
    expect(await readdir(unfinished)).toEqual(['young'])
  })

  test('files whose names are no keys are not seen, and an empty folder is none', async () => {
    const directory = freshDirectory()
    await mkdir(join(directory, 'lost+found'), { recursive: true })
    await writeFile(join(directory, '.DS_Store'), 'x')
    await writeFile(join(directory, 'no key'), 'x')
    const store = createFileStore(directory)
    expect(await store.list('')).toEqual([])
    expect(await store.folders('')).toEqual([])
  })

  test('folders that somebody takes away between two creates are made again', async () => {
    const directory = freshDirectory()
    const store = createFileStore(directory)
    await store.create('a/b/one', Buffer.from('x'))
    await rm(directory, { recursive: true })
    expect(await store.create('a/b/two', Buffer.from('x'))).toBe('created')
    expect(await store.get('a/b/one')).toBeUndefined()
  })
})

describe('a directory that cannot be a store', () => {
  test('a file in the place of the directory is refused by every method', async () => {
    const file = join(scratch, 'a file')
    await writeFile(file, 'x')
    const store = createFileStore(file)
    await expect(store.create('a', Buffer.from('x'))).rejects.toThrow(StoreRefusedError)
    await expect(store.get('a')).rejects.toThrow(StoreRefusedError)
    await expect(store.list('')).rejects.toThrow(StoreRefusedError)
    await expect(store.folders('v1/')).rejects.toThrow(StoreRefusedError)
    await expect(store.delete('a')).rejects.toThrow(StoreRefusedError)
  })

  test('a file system that makes no folders ends the create, soon and with its code', async () => {
    const store = createFileStore('/proc/holdfast')
    await expect(store.create('a', Buffer.from('x'))).rejects.toThrow('ENOENT')
    expect(await store.list('')).toEqual([])
  })

  test('no key may be the folder of another', async () => {
    const store = createFileStore(freshDirectory())
    await store.create('a/b', Buffer.from('x'))
    await expect(store.create('a', Buffer.from('x'))).rejects.toThrow(StoreRefusedError)
    await expect(store.create('a/b/c', Buffer.from('x'))).rejects.toThrow(StoreRefusedError)
  })

  test('a name longer than the file system allows is refused with its code', async () => {
    const store = createFileStore(freshDirectory())
    await expect(store.create('x'.repeat(300), Buffer.from('x'))).rejects.toThrow(StoreRefusedError)
    await expect(store.create('x'.repeat(300), Buffer.from('x'))).rejects.toThrow('ENAMETOOLONG')
  })
})
