/**
 * What the log holds under one number: a version, or a record that is no version.
 * Each carries `log`, the main line's state after it, so that the newest one alone tells a starting agent all it must know.
 */
import * as v from 'valibot'
import { CorruptObjectError } from '../errors.ts'

export const FORMAT = 1
/** Of objects in which something is sealed: readers that know only 1 refuse them. */
export const SEALED_FORMAT = 2
/** The lineage before any restore. A restore record with number n starts the lineage `L<n>`. */
export const FIRST_LINEAGE = 'L0'

const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER))
const Text = v.pipe(v.string(), v.maxLength(4096))

/** Where a writer runs. `uid` tells pods apart, `boot` two boots of its node. */
const PodSchema = v.object({ name: Text, uid: Text, boot: Text, node: Text })
export type WriterPod = v.InferOutput<typeof PodSchema>

/** The newest version, or restore, of a lineage: `version` is the number whose manifest is its state, 0 for "nothing". */
const HeadSchema = v.object({
  n: Count,
  writer: Text,
  /** The number of that writer's `open`. */
  open: Count,
  restore: v.boolean(),
  version: Count,
})
export type Head = v.InferOutput<typeof HeadSchema>

/** A lineage as a writer left it for another one. */
const LeftSchema = v.object({ lineage: Text, head: v.nullable(HeadSchema), settled: v.boolean() })

/** How many versions retention keeps: all of the last `allMs` milliseconds, then one for each hour, day and week. */
export const KeepSchema = v.object({ allMs: Count, hourly: Count, daily: Count, weekly: Count })
export type Keep = v.InferOutput<typeof KeepSchema>

const LogStateSchema = v.object({
  /** The newest main `open` or `restore`: who may write the main line. */
  owner: v.nullable(
    v.object({
      n: Count,
      writer: Text,
      pod: PodSchema,
      lineage: Text,
      /** The request that the owner's pod was started with. */
      request: v.nullable(Text),
      /** Seconds that its pod has between SIGTERM and SIGKILL; 0 where none is known. */
      graceSeconds: Count,
      closed: v.boolean(),
    }),
  ),
  /** The head of the owner's lineage. */
  head: v.nullable(HeadSchema),
  /** False between a `restore` and its `done`. */
  settled: v.boolean(),
  /** The newest record that changed the lineage, 0 if none: where a search for older lineages and requests begins. */
  lastSwitch: Count,
})
export type LogState = v.InferOutput<typeof LogStateSchema>

const common = {
  format: v.literal(FORMAT),
  stream: Text,
  n: v.pipe(Count, v.minValue(1)),
  /** Told apart by this when a PUT had no answer: another body, another id. */
  id: Text,
  writer: Text,
  /** The number of the writer's `open`; in the `open` itself, its own. */
  open: v.pipe(Count, v.minValue(1)),
  pod: PodSchema,
  /** A branch beside the main line: what a superseded writer still had. */
  branch: v.boolean(),
  lineage: Text,
  /** The version whose state this one continues; 0 for none. */
  parent: Count,
  /** The writer's own clock, for people; nothing is decided by it. */
  at: Text,
  log: LogStateSchema,
}

/** Who asks what: `v3`, or `v3/<restore-request>`. */
const OpenSchema = v.object({
  ...common,
  kind: v.literal('open'),
  /** The writer whose head this one takes up, and its `open`. */
  continues: v.nullable(v.object({ writer: Text, open: Count })),
  request: v.nullable(Text),
  graceSeconds: Count,
  /** When it takes up another lineage than the owner's: what it leaves, and the switch before. */
  left: v.nullable(LeftSchema),
  head: v.nullable(HeadSchema),
  settled: v.boolean(),
  previousSwitch: Count,
  agent: Text,
})
const RestoreSchema = v.object({
  ...common,
  kind: v.literal('restore'),
  request: Text,
  /** The version that the request was resolved to, once and for all; 0 for "nothing". */
  resolved: Count,
  left: LeftSchema,
  previousSwitch: Count,
  graceSeconds: Count,
})
const DoneSchema = v.object({ ...common, kind: v.literal('done') })
const ClosedSchema = v.object({ ...common, kind: v.literal('closed') })

const VersionSchema = v.object({
  ...common,
  format: v.picklist([FORMAT, SEALED_FORMAT]),
  kind: v.literal('version'),
  /** The id of the data key that it is sealed with, and all that it refers to; absent: in clear. */
  key: v.exactOptional(Text),
  /** `change`: the app wrote; `safety`: what a restore was about to overwrite; `stop`: the last flush; `backup`: asked for. */
  reason: v.picklist(['change', 'safety', 'stop', 'backup']),
  tag: v.nullable(Text),
  /** The writer's clock when the scan began; files that changed then or later are looked at again. */
  scannedAt: Text,
  /** False: partial; `faults` counts why, the manifest lists them. */
  complete: v.boolean(),
  faults: v.object({ unreadable: Count, unstable: Count, skipped: Count, notRestorable: Count }),
  counts: v.object({ files: Count, directories: Count, symlinks: Count, bytes: Count }),
  /** What this commit added: entries that changed or went, and stored bytes of new chunks. */
  added: v.object({ changed: Count, gone: Count, storedBytes: Count }),
  /** Empty in the header of a sealed version until that is opened. */
  roots: v.array(v.object({ path: Text, as: v.picklist(['auto', 'files', 'sqlite']) })),
  images: v.array(v.object({ container: Text, image: Text, digest: v.optional(Text) })),
  templateHash: v.nullable(Text),
  /** What was declared when it was made; prune goes by the newest version of the main line. Absent: the default. */
  keep: v.exactOptional(KeepSchema),
  manifest: v.object({
    /** The version that a delta is told against; 0: a full manifest. */
    base: Count,
    /** Deltas between this one and the full manifest. */
    depth: Count,
    /** Where its first block begins in this object; the others follow it. */
    offset: Count,
    /** Stored and plain length of each block, which is a frame. */
    blocks: v.array(v.tuple([Count, Count])),
    /** Of the plain bytes of all blocks. */
    sha256: Text,
  }),
})

export const RecordSchema = v.variant('kind', [
  OpenSchema,
  RestoreSchema,
  DoneSchema,
  ClosedSchema,
  VersionSchema,
])

export type RestoreRecord = v.InferOutput<typeof RestoreSchema>
export type VersionRecord = v.InferOutput<typeof VersionSchema>
export type LogRecord = v.InferOutput<typeof RecordSchema>
export type RecordedImage = VersionRecord['images'][number]

/** Reads a header from untrusted bytes. Throws `CorruptObjectError`, also when it stands under another's key. */
export function parseLogRecord(key: string, header: unknown, stream: string, n: number): LogRecord {
  const result = v.safeParse(RecordSchema, header)
  if (!result.success) {
    const issue = result.issues[0]
    throw new CorruptObjectError(
      key,
      `its header's ${v.getDotPath(issue) ?? 'value'} reads ${issue.received}, not ${issue.expected ?? issue.message}`,
    )
  }
  const record = result.output
  if (record.stream !== stream || record.n !== n)
    throw new CorruptObjectError(key, `it says that it is v${record.n} of ${record.stream}`)
  if (record.kind === 'version' && (record.format === FORMAT) !== (record.key === undefined))
    throw new CorruptObjectError(key, 'its header does not say whether it is sealed')
  requireOrder(key, record)
  return record
}

function referencesOf(record: LogRecord): number[] {
  switch (record.kind) {
    case 'version':
      return [record.manifest.base]
    case 'open':
      return [record.previousSwitch, record.continues?.open ?? 0]
    case 'restore':
      return [record.previousSwitch, record.resolved]
    case 'done':
    case 'closed':
      return []
  }
}

/** What a record refers to came before it: a search along parents or heads always ends. */
function requireOrder(key: string, record: LogRecord): void {
  const { n, parent, open, log } = record
  const earlier = [parent, ...referencesOf(record)]
  const notLater = [open, log.head?.version ?? 0, log.head?.n ?? 0, log.lastSwitch]
  if (earlier.some((other) => other >= n) || notLater.some((other) => other > n))
    throw new CorruptObjectError(key, 'it refers to a record that comes after it')
}
