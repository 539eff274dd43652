import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundle, bundleProgram, PROGRAMS } from '../../../manifests/image/bundle.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-bundle-'))
  for (const program of PROGRAMS) await bundleProgram(program, join(folder, 'programs'))
})

afterAll(() => rm(folder, { recursive: true }))

function mainOf(program: string): string {
  return join(folder, 'programs', program, 'main.mjs')
}

/** Runs a bundled program far away from any `node_modules`. */
async function run(main: string, ...words: string[]): Promise<{ code: number; said: string }> {
  const child = spawn(process.execPath, [main, ...words], { cwd: folder, env: {} })
  const exited = new Promise<number>((resolve) => child.once('close', resolve))
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await exited, said: out + errors }
}

function writeDatabase(file: string, name: string): void {
  const database = new DatabaseSync(file)
  database.exec('CREATE TABLE orders (name TEXT NOT NULL)')
  database.prepare('INSERT INTO orders VALUES (?)').run(name)
  database.close()
}

function readDatabase(file: string): unknown[] {
  const database = new DatabaseSync(file, { readOnly: true })
  const rows = database.prepare('SELECT name FROM orders').all()
  database.close()
  return rows.map((row) => ({ ...row }))
}

/** Files that no other one of their folder names. */
async function unasked(outdir: string): Promise<string[]> {
  const names = await readdir(outdir)
  const texts = await Promise.all(names.map((name) => readFile(join(outdir, name), 'utf8')))
  return names.filter((name) => !texts.some((each) => each.includes(`./${name}`)))
}

/** Source text that hands whatever its worker says to `answer`. */
function startsWorker(file: string): string {
  return `import { Worker } from 'node:worker_threads'
    new Worker(new URL('${file}', import.meta.url)).on('message', (text) => answer(text))\n`
}

describe('a bundled program', () => {
  it('ships, verifies and restores as the sources do', async () => {
    const [from, to, repository] = ['from', 'to', 'repository'].map((name) => join(folder, name))
    await mkdir(from ?? '')
    await mkdir(repository ?? '')
    await writeFile(join(from ?? '', 'order'), 'one pen')
    writeDatabase(join(from ?? '', 'orders.db'), 'two pens')
    const common = ['--store', `file://${repository}`, '--stream', 'shop/shop/0']
    const verbs = [
      ['replicate', ...common, '--path', from ?? '', '--once'],
      ['versions', ...common],
      ['show', 'latest', ...common, '--files'],
      ['verify', ...common],
      ['restore', ...common, '--to', to ?? ''],
    ]
    for (const words of verbs) expect(await run(mainOf('cli'), ...words)).toMatchObject({ code: 0 })
    expect(await readFile(join(to ?? '', 'order'), 'utf8')).toBe('one pen')
    expect(readDatabase(join(to ?? '', 'orders.db'))).toEqual([{ name: 'two pens' }])
  })

  it('names an error as the sources do, and loads what it imports lazily', async () => {
    const s3 = ['--store', 's3://bucket/prefix', '--stream', 'shop/shop/0', '--to', 'x']
    const { code, said } = await run(mainOf('cli'), 'restore', ...s3)
    expect(said).toContain('no AWS region is configured')
    expect(code).toBe(2)
    expect((await run(mainOf('agent'), 'replicate')).said).toContain(
      'HOLDFAST_ASSIGNMENT is not set',
    )
    expect((await run(mainOf('webhook'))).said).toContain('HOLDFAST_TLS_CERT is not set')
  })

  it('loads of Node no more than it calls: an import would call every getter of a module', async () => {
    const source = join(folder, 'server.ts')
    await writeFile(
      source,
      `import { createServer } from 'node:http'
       import timers, { setTimeout } from 'node:timers/promises'
       import * as http from 'http'
       const loaded = process.moduleLoadList.filter((name) => name.includes('undici'))
       console.log(createServer === http.createServer, timers.setTimeout === setTimeout, loaded.length)`,
    )
    const { main } = await bundle(source, join(folder, 'served'))
    expect(await run(main)).toEqual({ code: 0, said: 'true true 0\n' })
  })

  it('leaves out what the AWS SDK says of operations that nobody asks for, and keeps what it says of others', async () => {
    const place = dirname(mainOf('agent'))
    const texts = (await readdir(place)).map((name) => readFile(join(place, name), 'utf8'))
    const all = (await Promise.all(texts)).join('')
    expect(all).toContain('x-id=PutObject"')
    expect(all).not.toContain('PutBucketWebsiteRequest')
  })

  it('finds the workers that its code starts, and those that they start', async () => {
    const sources = join(folder, 'sources')
    await mkdir(join(sources, 'deep'), { recursive: true })
    await writeFile(
      join(sources, 'starter.ts'),
      `${startsWorker('./deep/outer.ts')} const answer = (text: string) => import('./say.ts').then(({ say }) => say(text))`,
    )
    await writeFile(
      join(sources, 'say.ts'),
      `import { end } from './end.ts'\nexport const say = (text: string) => console.log(text + end)`,
    )
    await writeFile(join(sources, 'end.ts'), `export const end: string = '!'`)
    await writeFile(
      join(sources, 'deep/outer.ts'),
      `import { parentPort } from 'node:worker_threads'
       ${startsWorker('../inner.ts')} const answer = (text: string) => parentPort!.postMessage(text + ' hears')`,
    )
    await writeFile(
      join(sources, 'inner.ts'),
      `import { parentPort } from 'node:worker_threads'
       import { end } from './end.ts'
       parentPort!.postMessage('somebody' + end)`,
    )
    const { main } = await bundle(join(sources, 'starter.ts'), join(folder, 'started'))
    await rm(sources, { recursive: true })
    expect(await unasked(join(folder, 'started'))).toEqual(['starter.mjs'])
    expect(await run(main)).toEqual({ code: 0, said: 'somebody! hears!\n' })
  })
})
