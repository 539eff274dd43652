/** A museum piece: a repository that a release has written, and what was in it, kept for ever. */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { systemClock } from '../../shared/clock.ts'
import { readKeyEncryptionKey } from '../../shared/encryption/key-encryption-key.ts'
import { openKeyring } from '../../shared/encryption/keyring.ts'
import { StreamVaults } from '../../shared/encryption/stream-vaults.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import type { VersionRecord } from '../../shared/repository/log-record.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { openVersion } from '../../shared/repository/version-object.ts'
import { parseStreamName } from '../../shared/stream-name.ts'
import { holdfastHere } from '../cli/command.ts'
import type { Result } from '../cli/command.ts'
import type { Listing } from './listing.ts'
import { listingOf } from './listing.ts'

export const PIECES = path.join(import.meta.dirname, 'pieces')

/** What `expected.yaml` says of one stream. */
export interface ExpectedStream {
  /** By `v<n>`: what a restore ends with, and what the directory holds then. */
  readonly versions: Readonly<Record<string, { readonly exit: number; readonly tree: Listing }>>
  /** The version that each pin is resolved to; null: it resolves no more. */
  readonly pins: Readonly<Record<string, number | null>>
}

export interface Expected {
  readonly release: string
  /** Keys of the encrypted namespace: these are no secrets of anybody. */
  readonly key: string
  readonly retiredKey: string
  /** What `verify --all` finds: all of it is sound, but for what was damaged on purpose. */
  readonly verify: Awaited<ReturnType<typeof verified>>
  readonly streams: Readonly<Record<string, ExpectedStream>>
  /** By key: the server's time, which no checkout keeps, and the digest. */
  readonly objects: Readonly<Record<string, { readonly at: string; readonly sha256: string }>>
}

export function pieceNames(): string[] {
  return fs.readdirSync(PIECES).toSorted()
}

export function expectedOf(piece: string): Expected {
  return parse(fs.readFileSync(path.join(PIECES, piece, 'expected.yaml'), 'utf8')) as Expected
}

/** Keys of a store in a directory, as they lie there. */
export function keysIn(store: string): string[] {
  const names = fs.readdirSync(store, { recursive: true, encoding: 'utf8' })
  const isObject = (name: string) => fs.statSync(path.join(store, name)).isFile()
  return names.filter((name) => !name.startsWith('.') && isObject(name)).toSorted()
}

export function digestOf(file: string): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex')
}

/** A copy that may be written to, with the times of its objects. */
export function layOut(piece: string, { objects }: Expected, store: string): void {
  fs.cpSync(path.join(PIECES, piece, 'store'), store, { recursive: true })
  for (const [key, { at }] of Object.entries(objects))
    fs.utimesSync(path.join(store, key), new Date(at), new Date(at))
}

/**
 * The records of a stream's versions by number, ascending, opened with the key that the environment has; those that
 * were pruned and are still there among them.
 */
export async function versionsOf(store: string, stream: string): Promise<VersionRecord[]> {
  const objects = await openStore(`file://${store}`)
  const patience = { clock: systemClock, giveUpAfterMs: 0 }
  const name = parseStreamName(stream)
  const key = readKeyEncryptionKey(process.env, 'HOLDFAST_KEY')
  const vaults = new StreamVaults(name, () => openKeyring(objects, name.namespace, key))
  const log = new VersionLog(objects, name, patience, vaults)
  const numbers = (await log.numbers()).map(({ n }) => n).toReversed()
  const found = await Promise.all(numbers.map((n) => log.record(n)))
  const versions = found.filter((logged) => logged?.record.kind === 'version')
  return Promise.all(versions.map((logged) => openVersion(log, logged?.record.n ?? 0)))
}

/** Restores one version by the command. @param roots its declared paths. */
export async function restored(
  store: string,
  stream: string,
  { n, roots }: Pick<VersionRecord, 'n' | 'roots'>,
  into: string,
): Promise<{ exit: number; tree: Listing; result: Result }> {
  const url = ['--store', `file://${store}`, '--stream', stream]
  const result = await holdfastHere('restore', ...url, '--to', into, '--version', `v${n}`)
  const parents = roots.length > 1 ? parentsOf(roots) : new Set<string>()
  return { exit: result.code ?? -1, tree: listingOf(into, parents), result }
}

/** Directories that lead to the declared paths, and are no part of the version. */
function parentsOf(roots: VersionRecord['roots']): Set<string> {
  const parents = new Set(['.'])
  for (const { path: declared } of roots)
    for (let at = path.dirname(declared); at !== '/'; at = path.dirname(at))
      parents.add(at.slice(1))
  return parents
}

/** What a pin is resolved to by `show`; null where there is no such version (any more). */
export async function resolved(store: string, stream: string, pin: string): Promise<number | null> {
  const url = ['--store', `file://${store}`, '--stream', stream, '--output', 'json']
  const { code, stdout, stderr } = await holdfastHere('show', pin, ...url)
  if (code === 10) return null
  if (code !== 0) throw new Error(stderr)
  return (JSON.parse(stdout) as { version: number }).version
}

/** `verify --all` of the whole repository: what it ends with, and by stream what it finds lost. */
export async function verified(store: string) {
  const url = ['--store', `file://${store}`, '--output', 'json']
  const { code, stdout, stderr } = await holdfastHere('verify', '--all', ...url)
  if (stdout === '') throw new Error(stderr)
  const found = JSON.parse(stdout) as {
    streams: { stream: string; damaged: unknown[] }[]
    strays: unknown[]
    notChecked: unknown[]
  }
  const { streams, strays, notChecked } = found
  const damaged = Object.fromEntries(streams.map((each) => [each.stream, each.damaged]))
  return { exit: code ?? -1, strays, notChecked, damaged }
}
