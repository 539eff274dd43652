/**
 * Makes a museum piece with the release at hand: `node test/museum/make.ts <name>`, as root. Done once for a piece,
 * never again: what an older release has written is what later ones must read. A new kind of object or field asks for
 * another piece beside the old ones.
 */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { stringify } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { readKeyEncryptionKey } from '../../shared/encryption/key-encryption-key.ts'
import { openKeyring } from '../../shared/encryption/keyring.ts'
import { StreamVaults } from '../../shared/encryption/stream-vaults.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import { MAGIC } from '../../shared/repository/object-file.ts'
import { listTags } from '../../shared/repository/tags.ts'
import { parseStreamName } from '../../shared/stream-name.ts'
import { pruneOnce } from '../support/prune-process.ts'
import type { ExpectedStream } from './piece.ts'
import { PIECES, digestOf, keysIn, resolved, restored, verified, versionsOf } from './piece.ts'
import { makeReturn, makeSecondSlot, makeShop, pods } from './make-shop.ts'
import { noise, prose } from './tree.ts'
import { folder, run, ship, store, url, work } from './workshop.ts'

const KEY = Buffer.alloc(32, 'the museum').toString('base64')
const RETIRED_KEY = Buffer.alloc(32, 'the museum, as it was').toString('base64')
/** Where the clock of the server stood when the first record was made; the n-th one came n minutes later. */
const FIRST = Date.UTC(2026, 10, 28, 12)
const MINUTE_MS = 60_000
const LARGE = 1_300_000
const NOTHING_ELSE = 'all=0s,hourly=0,daily=0,weekly=0'

/** Takes what is not kept by itself, without a day between the runs. */
async function pruned(stream: string, times: number): Promise<void> {
  const name = parseStreamName(stream)
  const key = readKeyEncryptionKey(process.env, 'HOLDFAST_KEY')
  const objects = await openStore(url)
  const vaults = new StreamVaults(name, () => openKeyring(objects, name.namespace, key))
  for (let done = 0; done < times; done += 1)
    await pruneOnce(url, stream, { dayMs: 1, rules: NOTHING_ELSE, vaults })
}

/**
 * A version with a pack of more than a MiB, and others behind it that need little of that, under the tag `kept`; all
 * but that one and the head are gone, so that what was needed of the pack is moved.
 */
async function makeMoved(stream: string, at: string): Promise<string> {
  const write = (name: string, bytes: Buffer) => fs.writeFileSync(path.join(at, name), bytes)
  write('a', noise('a', LARGE))
  write('b', prose('b', LARGE))
  write('c', prose('c', LARGE))
  await ship(stream, at)
  write('a', noise('another a', 500))
  write('b', prose('another b', LARGE))
  await ship(stream, at, '--tag', 'kept')
  const more = folder(`${path.basename(at)}-more`)
  for (const word of ['third', 'fourth', 'fifth']) {
    write('b', prose(word, 100))
    // Another declared path: the next version is told against none before it.
    fs.writeFileSync(path.join(more, 'more'), word)
    await ship(stream, at, '--path', more)
  }
  await pruned(stream, 4)
  return more
}

/** Versions that are gone, planned, held, tagged; a pack of which the needed part was moved. */
async function makeArchive(): Promise<void> {
  const stream = 'market/archive/0'
  const at = folder('archive')
  const more = await makeMoved(stream, at)
  const kept = ['hold', 'add', 'latest', '--store', url, '--stream', stream]
  await run([0], ...kept, '--note', 'for ever')
  for (const word of ['sixth', 'seventh', 'eighth']) {
    fs.writeFileSync(path.join(at, 'b'), prose(word, 100))
    await ship(stream, at, '--path', more)
  }
  await pruned(stream, 1)
}

/** What `verify` finds in a stream with a lost frame, and the version that made it good. */
async function makeBroken(): Promise<void> {
  const stream = 'market/broken/0'
  const at = folder('broken')
  fs.writeFileSync(path.join(at, 'lost'), noise('lost', 1000))
  await ship(stream, at)
  const [first] = await versionsOf(store, stream)
  fs.writeFileSync(path.join(at, 'sound'), 'sound')
  await ship(stream, at)
  const object = keysIn(store).find((key) => key.endsWith(`-v${first?.n}`) && key.includes(stream))
  const body = fs.readFileSync(path.join(store, object ?? ''))
  body.writeUInt8(body.readUInt8(MAGIC.length + 5) ^ 1, MAGIC.length + 5)
  fs.writeFileSync(path.join(store, object ?? ''), body)
  await run([3], 'verify', '--all', '--store', url, '--stream', stream)
  await ship(stream, at)
}

/** A stream in clear that goes on sealed, and a key that was rotated since. */
async function makeVault(): Promise<void> {
  const stream = 'vault/ledger/0'
  const at = folder('vault')
  const namespace = ['--store', url, '--namespace', 'vault']
  fs.writeFileSync(path.join(at, 'account'), 'in clear')
  await ship(stream, at, '--tag', 'in-clear')
  process.env['HOLDFAST_KEY'] = RETIRED_KEY
  await run([0], 'key', 'init', ...namespace)
  await makeMoved(stream, at)
  process.env['HOLDFAST_NEW_KEY'] = KEY
  await run([0], 'key', 'rotate', ...namespace)
  process.env['HOLDFAST_KEY'] = KEY
  delete process.env['HOLDFAST_NEW_KEY']
  await run([0], 'verify', '--all', '--store', url, '--stream', stream)
}

/** The times of the log, a minute between each two records, so that a pin can name any of them. */
function setTimes(): void {
  for (const key of keysIn(store)) {
    const number = /\/versions\/\d+-v(\d+)$/.exec(key)?.[1]
    const at = new Date(FIRST + (number === undefined ? 600 : Number(number)) * MINUTE_MS)
    fs.utimesSync(path.join(store, key), at, at)
  }
}

function timePin(n: number): string {
  const at = new Date(FIRST + n * MINUTE_MS + MINUTE_MS / 2).toISOString()
  return at.replaceAll(/[-:]|\.\d+/g, '')
}

async function expectedStream(stream: string): Promise<ExpectedStream> {
  const pins: Record<string, number | null> = {}
  const versions: Record<string, { exit: number; tree: Record<string, string> }> = {}
  const tags = await listTags(await openStore(url), parseStreamName(stream))
  const all = await versionsOf(store, stream)
  const numbers = all.flatMap(({ n }) => [`v${n}`, timePin(n)])
  for (const pin of ['latest', ...tags, ...numbers]) pins[pin] = await resolved(store, stream, pin)
  for (const version of all) {
    if (pins[`v${version.n}`] === null) continue
    const into = path.join(work, 'restored', stream, `v${version.n}`)
    const { exit, tree } = await restored(store, stream, version, into)
    versions[`v${version.n}`] = { exit, tree }
  }
  return { pins, versions }
}

async function main(name = ''): Promise<void> {
  const piece = path.join(PIECES, name)
  if (name === '' || fs.existsSync(piece)) throw new Error('say a name that no piece has yet')
  await makeShop()
  await makeReturn()
  await makeSecondSlot()
  await makeArchive()
  await makeBroken()
  await makeVault()
  setTimes()
  fs.mkdirSync(piece, { recursive: true })
  for (const key of keysIn(store)) fs.cpSync(path.join(store, key), path.join(piece, 'store', key))
  const objects = keysIn(store).map((key) => {
    const file = path.join(store, key)
    return [key, { at: fs.statSync(file).mtime.toISOString(), sha256: digestOf(file) }]
  })
  const streams: Record<string, ExpectedStream> = {}
  const names = ['market/shop/0', 'market/shop/1', 'market/archive/0', 'market/broken/0']
  for (const stream of [...names, 'vault/ledger/0']) streams[stream] = await expectedStream(stream)
  const expected = {
    release: packageJson.version,
    key: KEY,
    retiredKey: RETIRED_KEY,
    verify: await verified(store),
    streams,
    objects: Object.fromEntries(objects) as Record<string, unknown>,
  }
  fs.writeFileSync(path.join(piece, 'expected.yaml'), stringify(expected, { lineWidth: 0 }))
  console.log(`made ${piece}`)
}

/** Records say on which host they were made: nobody's. */
function onHost(name: string): void {
  const words = ['--uts', 'sh', '-c', `hostname ${name} && exec "$0" "$@"`, process.execPath]
  execFileSync('unshare', [...words, ...process.argv.slice(1)], { stdio: 'inherit' })
}

try {
  if (os.hostname() === 'museum') await main(process.argv[2])
  else onHost('museum')
} finally {
  for (const pod of pods) await pod.end()
  fs.rmSync(work, { recursive: true, force: true })
}
