/** Records as a writer would make them, for tests that need a log. */
import { PLAIN_VAULT } from '../../../shared/encryption/vault.ts'
import { EMPTY_LOG, advance } from '../../../shared/repository/log-state.ts'
import type { UnstatedRecord } from '../../../shared/repository/log-state.ts'
import type { LogRecord, LogState } from '../../../shared/repository/log-record.ts'
import type { ManifestDelta } from '../../../shared/repository/manifest.ts'
import { encodeObject } from '../../../shared/repository/object-file.ts'
import { versionKey } from '../../../shared/repository/object-keys.ts'
import { encodeVersion, encodeVersionPayload } from '../../../shared/repository/version-object.ts'
import { formatStreamName, type StreamName } from '../../../shared/stream-name.ts'
import type { MemoryStore } from './memory-store.ts'

export const STREAM = { namespace: 'shop', app: 'shop', slot: '0' }
export const POD = { name: 'shop-0', uid: 'uid-1', boot: 'boot-1', node: 'node-a' }

type Kind = LogRecord['kind']
type Parts<K extends Kind> = Partial<Extract<UnstatedRecord, { kind: K }>>

const common = (n: number) => ({
  format: 1 as const,
  stream: 'shop/shop/0',
  n,
  id: `id-${n}`,
  writer: 'w1',
  open: 1,
  pod: POD,
  branch: false,
  lineage: 'L0',
  parent: 0,
  at: '2026-11-20T14:15:00.000Z',
})

const NOTHING_LEFT = { lineage: 'L0', head: null, settled: true }

const OWN = {
  open: {
    continues: null,
    request: null,
    graceSeconds: 30,
    left: null,
    head: null,
    settled: true,
    previousSwitch: 0,
    agent: '1.0.0',
  },
  restore: {
    request: 'v3',
    resolved: 3,
    left: NOTHING_LEFT,
    previousSwitch: 0,
    graceSeconds: 30,
  },
  done: {},
  closed: {},
  version: {
    reason: 'change' as const,
    tag: null,
    scannedAt: '2026-11-20T14:15:00.000Z',
    complete: true,
    faults: { unreadable: 0, unstable: 0, skipped: 0, notRestorable: 0 },
    counts: { files: 0, directories: 1, symlinks: 0, bytes: 0 },
    added: { changed: 1, gone: 0, storedBytes: 0 },
    roots: [{ path: '/data', as: 'files' as const }],
    images: [],
    templateHash: null,
    manifest: {
      base: 0,
      depth: 0,
      offset: 11,
      blocks: [],
      sha256: '',
    },
  },
}

/** A record with what `parts` says, before it knows the state after it. */
export function unstated<K extends Kind>(kind: K, n: number, parts: Parts<K> = {}): UnstatedRecord {
  return { ...common(n), ...OWN[kind], ...parts, kind } as unknown as UnstatedRecord
}

/** Appends to a log whose state it carries on; the store's clock says when. */
export class TestLog {
  state: LogState = EMPTY_LOG
  readonly #store: MemoryStore
  readonly #stream: StreamName

  constructor(store: MemoryStore, stream: StreamName = STREAM) {
    this.#store = store
    this.#stream = stream
  }

  async add(unnumbered: UnstatedRecord, delta?: ManifestDelta): Promise<void> {
    this.state = advance(this.state, unnumbered)
    const stream = formatStreamName(this.#stream)
    const record: LogRecord = { ...unnumbered, stream, log: this.state }
    const body =
      record.kind === 'version' ? await versionBody(record, delta) : encodeObject([], record)
    this.#store.objects.set(versionKey(this.#stream, record.n), {
      body,
      modifiedAt: this.#store.now(),
    })
  }
}

async function versionBody(record: Extract<LogRecord, { kind: 'version' }>, delta?: ManifestDelta) {
  const payload = await encodeVersionPayload(
    [],
    delta ?? { changed: [], gone: [], faults: [] },
    PLAIN_VAULT,
  )
  const { base, depth } = record.manifest
  return encodeVersion(
    { ...record, manifest: { ...payload.manifest, base, depth } },
    payload,
    PLAIN_VAULT,
  )
}
