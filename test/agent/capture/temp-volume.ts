/** A directory as an app's volume, captured into a store in memory, version by version. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Vault } from '../../../shared/encryption/vault.ts'
import { PLAIN_VAULT } from '../../../shared/encryption/vault.ts'
import type { Capture } from '../../../agent/capture/archiver.ts'
import { archive } from '../../../agent/capture/archiver.ts'
import { HeldVersion } from '../../../agent/capture/held-version.ts'
import { surveyAll } from '../../../agent/capture/survey.ts'
import type { AttributeTools } from '../../../agent/volume/attribute-tools.ts'
import type { Layout } from '../../../agent/volume/layout.ts'
import { layoutOfDirectories } from '../../../agent/volume/layout.ts'
import type { Clock } from '../../../shared/clock.ts'
import { systemClock } from '../../../shared/clock.ts'
import type { Manifest } from '../../../shared/repository/manifest.ts'
import { EMPTY_MANIFEST } from '../../../shared/repository/manifest.ts'
import { encodeObject } from '../../../shared/repository/object-file.ts'
import { versionKey } from '../../../shared/repository/object-keys.ts'
import { PackWriter } from '../../../shared/repository/pack-writer.ts'
import { MemoryStore, patience } from '../../shared/repository/memory-store.ts'

export const STREAM = { namespace: 'shop', app: 'shop', slot: '0' }

/** A clock that is ten seconds ahead, so that no file was changed just now; waits are no waits. */
export const laterClock: Clock = {
  ...systemClock,
  now: () => new Date(Date.now() + 10_000),
  sleep: () => Promise.resolve(),
}

export class TempVolume {
  readonly dir: string
  readonly layout: Layout
  readonly store: MemoryStore
  readonly vault: Vault
  clock: Clock = laterClock
  tools: AttributeTools | undefined
  held = new HeldVersion(EMPTY_MANIFEST)
  doubtful: ReadonlySet<string> = new Set()
  #n = 0

  /**
   * @param options `sameAs`: another history of that volume's directory, which stays that one's to remove; `declared`: the
   * path in the directory that is the state, instead of all of it.
   */
  constructor(
    options: {
      exclude?: string[]
      declared?: string
      store?: MemoryStore
      vault?: Vault
      sameAs?: TempVolume
    } = {},
  ) {
    this.store = options.store ?? new MemoryStore()
    this.vault = options.vault ?? PLAIN_VAULT
    if (options.sameAs !== undefined) {
      this.dir = options.sameAs.dir
      this.layout = options.sameAs.layout
      return
    }
    const base = mkdtempSync(path.join(tmpdir(), 'volume-'))
    chmodSync(base, 0o777) // tests run parts as another user
    this.dir = path.join(base, 'data')
    const declared = path.join(this.dir, options.declared ?? '')
    this.layout = layoutOfDirectories([declared], options.exclude ?? [])
  }

  at(name: string): string {
    return path.join(this.dir, name)
  }

  /** @param afterScan what happens between the scan and the reading. */
  async capture(
    afterScan: () => void = () => undefined,
    look: typeof surveyAll = surveyAll,
  ): Promise<Capture> {
    const options = { doubtful: this.doubtful, hints: undefined, uid: 0 }
    const { plan } = await look(this.layout, this.held, options)
    afterScan()
    return archive(this.layout, this.held, plan, this.writer(), this.clock, this.tools)
  }

  writer(): PackWriter {
    return new PackWriter(this.store, STREAM, patience(), this.vault)
  }

  /** Captures, and makes it the held version; its number. */
  async commit(afterScan?: () => void, look?: typeof surveyAll): Promise<number> {
    const taken = await this.capture(afterScan, look)
    this.#n += 1
    const body = encodeObject(taken.packed.inline, {})
    this.store.objects.set(versionKey(STREAM, this.#n), { body, modifiedAt: new Date() })
    taken.packed.committedAs(this.#n)
    for (const entry of taken.refreshed.values()) this.held.refresh(entry)
    this.held.advance(taken.changed, taken.gone, taken.faults)
    this.held.attributesSeen = taken.attributesSeen
    this.doubtful = taken.doubtful
    return this.#n
  }

  /** The held version, as a manifest of its own. */
  manifest(): Manifest {
    return { entries: new Map(this.held.entries), faults: this.held.faults }
  }

  remove(): void {
    execFileSync('chmod', ['-R', 'u+rwx', path.dirname(this.dir)])
    rmSync(path.dirname(this.dir), { recursive: true, force: true })
  }
}

export const isRoot = process.geteuid?.() === 0
export const OTHER_ID = 65_534

/** Runs with the rights of a user who is not root: as one, where the tests run as root. */
export async function asOtherUser<T>(run: () => Promise<T>): Promise<T> {
  if (!isRoot) return run()
  process.setegid?.(OTHER_ID)
  process.seteuid?.(OTHER_ID)
  try {
    return await run()
  } finally {
    process.seteuid?.(0)
    process.setegid?.(0)
  }
}
