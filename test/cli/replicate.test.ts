import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Running } from './command.ts'
import { holdfast, json, start } from './command.ts'
import { compareTrees, freshFolder } from './odd-tree.ts'

let folder: string
let source: string
let repository: string[]

beforeEach(async () => {
  folder = await freshFolder()
  source = join(folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'a'), 'first')
  repository = ['--store', pathToFileURL(join(folder, 'repository')).href, '--stream', 'test/app/0']
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function once(...more: string[]) {
  return holdfast('replicate', ...repository, '--path', source, '--once', ...more)
}

/** Objects in the stream's log. */
function logged(): number {
  try {
    return readdirSync(join(folder, 'repository/v1/streams/test/app/0/versions')).length
  } catch {
    return 0 // nothing was made
  }
}

describe('replicate --once', () => {
  test('refuses a directory that is suddenly empty, and makes nothing', async () => {
    await once()
    const before = logged()
    rmSync(join(source, 'a'))
    const refused = await once()
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('is empty, though the last version has files')
    expect(logged()).toBe(before)
  })

  test('refuses a directory that is missing, and makes nothing', async () => {
    await once()
    const before = logged()
    renameSync(source, `${source}-away`)
    expect(await once()).toMatchObject({ code: 1, stdout: '' })
    expect(logged()).toBe(before)
  })

  test('ships nothing of a directory that was never anything but empty', async () => {
    rmSync(join(source, 'a'))
    expect(await once()).toMatchObject({ code: 0, stderr: '' })
    expect(logged()).toBe(0)
  })

  test('makes a tagged version also of what did not change, and never moves a tag', async () => {
    await once()
    expect((await once('--tag', 'before-upgrade')).code).toBe(0)
    const before = logged()
    const taken = await once('--tag', 'before-upgrade')
    expect(taken).toMatchObject({ code: 2, stdout: '' })
    expect(taken.stderr).toMatch(/names v\d+ already/)
    expect(logged()).toBe(before)
  })

  test('calls a version partial when a file changes all the time, and says which', async () => {
    const script = `const fs = require('node:fs'); const fd = fs.openSync(process.argv[1], 'r+')
      const pause = new Int32Array(new SharedArrayBuffer(4))
      for (let i = 0; ; i += 1) { fs.writeSync(fd, 'x' + i, 0); Atomics.wait(pause, 0, 0, 1) }`
    const busy = join(source, 'busy')
    // Long enough that it changes several times while it is read once.
    writeFileSync(busy, Buffer.alloc(32 * 1024 * 1024))
    const writer = spawn(process.execPath, ['-e', script, busy], { stdio: 'ignore' })
    try {
      await expect.poll(() => readFileSync(busy).subarray(0, 1).toString()).toBe('x')
      const partial = await once()
      expect(partial).toMatchObject({ code: 3 })
      expect(partial.stdout).toContain('partial')
      expect(partial.stderr).toContain(`${busy}: unstable`)
    } finally {
      writer.kill('SIGKILL')
    }
    const restored = await holdfast('restore', ...repository, '--to', join(folder, 'to'))
    expect(restored.code).toBe(3)
    expect(restored.stdout).toContain(`${busy}: unstable`)
  })

  test('keeps what is excluded out of the version', async () => {
    mkdirSync(join(source, 'cache'))
    writeFileSync(join(source, 'cache/x'), 'x')
    writeFileSync(join(source, 'b.tmp'), 'x')
    await once('--exclude', 'cache/', '--exclude', '*.tmp')
    await holdfast('restore', ...repository, '--to', join(folder, 'to'))
    expect(readdirSync(join(folder, 'to'))).toEqual(['a'])
  })

  test('gives several paths, and a file, back below the directory', async () => {
    const other = join(folder, 'other.conf')
    writeFileSync(other, 'conf')
    await once('--path', other)
    const to = join(folder, 'to')
    expect((await holdfast('restore', ...repository, '--to', to)).code).toBe(0)
    expect(compareTrees(source, join(to, source))).toBe('')
    const single = ['--store', repository[1] as string, '--stream', 'test/conf/0']
    await holdfast('replicate', ...single, '--path', other, '--once')
    expect((await holdfast('restore', ...single, '--to', join(folder, 'single'))).code).toBe(0)
    expect(readdirSync(join(folder, 'single'))).toEqual(['other.conf'])
  })

  test('gives up on a store that does not answer, after the time-out', async () => {
    const port = await freePort()
    process.env['AWS_ENDPOINT_URL_S3'] = `http://127.0.0.1:${port}`
    process.env['AWS_ACCESS_KEY_ID'] = process.env['AWS_SECRET_ACCESS_KEY'] = 'none'
    const nowhere = ['--store', 's3://bucket', '--stream', 'a/b/0', '--timeout', '500ms']
    const failed = await holdfast('replicate', ...nowhere, '--path', source, '--once')
    expect(failed).toMatchObject({ code: 1, stdout: '' })
    expect(failed.stderr.trim().split('\n')).toHaveLength(1)
  })
})

describe('replicate', () => {
  const running: Running[] = []
  afterEach(() => {
    for (const { child } of running.splice(0)) child.kill('SIGKILL')
  })

  function replicate(...more: string[]): Running {
    const started = start(
      'replicate',
      ...repository,
      '--path',
      source,
      '--within',
      '500ms',
      ...more,
    )
    running.push(started)
    return started
  }

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'ships changes until %s, then what is left, and closes',
    async (signal) => {
      const agent = replicate('--tag', 'begin')
      await agent.says(/v\d+: complete/)
      writeFileSync(join(source, 'b'), 'second')
      await agent.says(/v\d+: complete[^]*v\d+: complete, 2 changed/)
      writeFileSync(join(source, 'c'), 'third')
      agent.child.kill(signal)
      expect((await agent.result).code).toBe(0)
      await holdfast('restore', ...repository, '--to', join(folder, 'to'))
      expect(compareTrees(source, join(folder, 'to'))).toBe('')
      const streams = await holdfast(
        'versions',
        '--store',
        repository[1] as string,
        '--output',
        'json',
      )
      expect(json(streams)).toMatchObject({ streams: [{ stream: 'test/app/0', writer: 'closed' }] })
      const tagged = await holdfast('show', 'begin', ...repository, '--output', 'json')
      expect(json(tagged)).toMatchObject({ tag: 'begin', state: 'complete' })
    },
  )

  test('prints a line of JSON for each version', async () => {
    const agent = replicate('--output', 'json')
    await agent.says(/"version"/)
    agent.child.kill('SIGTERM')
    const { stdout } = await agent.result
    expect(JSON.parse(stdout.split('\n')[0] ?? '')).toMatchObject({
      stream: 'test/app/0',
      state: 'complete',
      line: 'main',
    })
  })

  test('superseded, says so, ships on beside the main line, and ends in good order', async () => {
    const older = replicate()
    await older.says(/v\d+: complete/)
    const newer = replicate()
    await newer.says(/shipping/)
    writeFileSync(join(source, 'b'), 'of both')
    await older.says(/superseded/)
    await older.says(/stored, beside the main line/)
    await newer.says(/v\d+: complete/)
    older.child.kill('SIGTERM')
    newer.child.kill('SIGTERM')
    expect([(await older.result).code, (await newer.result).code]).toEqual([0, 0])
    const listed = json(await holdfast('versions', ...repository, '--output', 'json')) as {
      versions: { line: string }[]
    }
    expect(new Set(listed.versions.map(({ line }) => line))).toEqual(new Set(['main', 'branch']))
    expect((await holdfast('verify', ...repository)).code).toBe(0)
  })

  test('is cancelled at once by a second Ctrl-C while the store is silent', async () => {
    const silent = createServer()
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const asked = new Promise((resolve) => silent.once('connection', resolve))
    process.env['AWS_ENDPOINT_URL_S3'] =
      `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    process.env['AWS_ACCESS_KEY_ID'] = process.env['AWS_SECRET_ACCESS_KEY'] = 'none'
    const agent = start(
      'replicate',
      '--store',
      's3://bucket',
      '--stream',
      'a/b/0',
      '--path',
      source,
    )
    running.push(agent)
    await asked
    const press = setInterval(() => agent.child.kill('SIGINT'), 100)
    const { code, stderr } = await agent.result
    clearInterval(press)
    silent.close()
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
  })
})

/** One on which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
