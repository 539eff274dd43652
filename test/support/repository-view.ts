/** Reads a stream as an auditor would: its records, what each version holds, and a version restored and rehashed. */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { ChunkSource } from '../../agent/restore/chunk-source.ts'
import { ObjectReader } from '../../agent/restore/object-reader.ts'
import { inspect } from '../../agent/restore/present.ts'
import { planRestore } from '../../agent/restore/restore-plan.ts'
import { runRestore } from '../../agent/restore/restorer.ts'
import { layoutOfDirectories } from '../../agent/volume/layout.ts'
import { tableOf } from '../../shared/repository/entry-table.ts'
import { readKeyEncryptionKey } from '../../shared/encryption/key-encryption-key.ts'
import { openKeyring } from '../../shared/encryption/keyring.ts'
import { StreamVaults } from '../../shared/encryption/stream-vaults.ts'
import { systemClock } from '../../shared/clock.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import type { LogRecord, LogState, VersionRecord } from '../../shared/repository/log-record.ts'
import { EMPTY_LOG } from '../../shared/repository/log-state.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { loadManifest, openVersion } from '../../shared/repository/version-object.ts'
import type { StreamName } from '../../shared/stream-name.ts'
import type { AgentPod } from './agent-pod.ts'
import type { AgentProcess } from './agent-process.ts'

/** Files of a tree by their path below it: the hash of their content, `directory`, or `-> target`. */
export type Tree = Readonly<Record<string, string>>

const STREAM: StreamName = { namespace: 'market', app: 'shop', slot: '0' }
/** An auditor waits for no store. */
const IMPATIENT = { clock: systemClock, giveUpAfterMs: 0 }

export class RepositoryView {
  readonly store: ObjectStore
  readonly log: VersionLog

  /** @param key what HOLDFAST_KEY is, where the stream is encrypted. */
  constructor(store: ObjectStore, key = '') {
    this.store = store
    const keyEncryptionKey = readKeyEncryptionKey({ HOLDFAST_KEY: key }, 'HOLDFAST_KEY')
    const openKey = () => openKeyring(store, STREAM.namespace, keyEncryptionKey)
    this.log = new VersionLog(store, STREAM, IMPATIENT, new StreamVaults(STREAM, openKey))
  }

  /** Number of the newest record; 0 for none. */
  async newest(): Promise<number> {
    return (await this.log.head())?.record.n ?? 0
  }

  async state(): Promise<LogState> {
    return (await this.log.head())?.record.log ?? EMPTY_LOG
  }

  /** The version that is `latest`; 0 for none. */
  async latest(): Promise<number> {
    return (await this.state()).head?.version ?? 0
  }

  /** All records, oldest first. */
  async records(): Promise<LogRecord[]> {
    const numbers = await this.log.numbers()
    const found = await Promise.all(numbers.map(({ n }) => this.log.record(n)))
    return found.flatMap((logged) => logged?.record ?? []).toReversed()
  }

  async versions(): Promise<VersionRecord[]> {
    return (await this.records()).filter((record) => record.kind === 'version')
  }

  /** What a version says that it holds, files by the id of their one chunk. */
  async tree(version: number): Promise<Tree> {
    const { entries } = await loadManifest(this.store, this.log, version)
    const lines = [...entries.values()].flatMap((entry): [string, string][] => {
      const name = entry.name.slice(2)
      if (name === '') return []
      if (entry.type === 'directory') return [[name, 'directory']]
      if (entry.type === 'symlink') return [[name, `-> ${entry.target}`]]
      if (entry.chunks.length > 1) throw new Error(`${name} has more than one chunk`)
      const [chunk] = entry.chunks
      return [[name, chunk !== undefined && 'id' in chunk ? chunk.id : hashOf('')]]
    })
    return Object.fromEntries(lines)
  }

  /** Is this what a version says that it holds? */
  async isVersion(version: number, tree: Tree): Promise<boolean> {
    const vault = await this.log.vaults.reading((await openVersion(this.log, version)).key)
    const named = Object.entries(tree).map(([name, what]) => [
      name,
      /^[0-9a-f]{64}$/.test(what)
        ? vault.idOfDigest(Buffer.from(what, 'hex')).toString('hex')
        : what,
    ])
    return isEqual(await this.tree(version), Object.fromEntries(named) as Tree)
  }

  /** Hashes of all contents that any version has, branches included. */
  async everything(): Promise<ReadonlySet<string>> {
    const trees = await Promise.all((await this.versions()).map(({ n }) => this.tree(n)))
    return new Set(trees.flatMap((tree) => Object.values(tree)))
  }

  /** Restores a version into an empty directory with the product's own restore. Throws when any of it is lost. */
  async restore(version: number, into: string): Promise<Tree> {
    fs.mkdirSync(into, { recursive: true })
    const manifest = await loadManifest(this.store, this.log, version)
    const layout = layoutOfDirectories([into], [])
    const target = tableOf(manifest.entries)
    const vault = await this.log.vaults.reading((await openVersion(this.log, version)).key)
    const options = { scannedAt: undefined, touches: () => true, clock: systemClock, vault }
    const plan = planRestore(target, manifest.faults, await inspect(layout, target, options))
    const source = new ChunkSource(new ObjectReader(this.store, STREAM, IMPATIENT), vault)
    const { lost } = await runRestore(layout, plan, source)
    if (lost.length > 0) throw new Error(`v${version} lost ${JSON.stringify(lost)}`)
    return treeOf(into)
  }
}

export async function viewRepository(url: string, key?: string): Promise<RepositoryView> {
  return new RepositoryView(await openStore(url), key)
}

export function hashOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

/** What a directory holds now, without Holdfast's own mark and temporary files. */
export function treeOf(folder: string): Tree {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()
  const appNames = names.filter((name) => !path.basename(name).startsWith('.holdfast'))
  return Object.fromEntries(appNames.map((name) => [name, describe(path.join(folder, name))]))
}

function describe(file: string): string {
  const stat = fs.lstatSync(file)
  if (stat.isSymbolicLink()) return `-> ${fs.readlinkSync(file)}`
  return stat.isDirectory() ? 'directory' : hashOf(fs.readFileSync(file))
}

export function isEqual(a: Tree, b: Tree): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...names].every((name) => a[name] === b[name])
}

/** Waits until `latest` is what the pod's volume holds, but for names that are excluded. */
export async function isShipped(
  agent: AgentProcess,
  pod: AgentPod,
  view: RepositoryView,
  excluded: readonly string[] = [],
): Promise<void> {
  const here = () =>
    Object.fromEntries(
      Object.entries(treeOf(pod.data)).filter(([name]) => !excluded.includes(name)),
    )
  await agent.until('latest is what the volume holds', async () => {
    const latest = await view.latest()
    return latest !== 0 && (await view.isVersion(latest, here()))
  })
}
