/**
 * The DSL: one schema for `holdfast.dev/state`, and one for `holdfast.dev/policy` and the service's defaults,
 * which share their keys. The JSON Schemas in manifests/schema are generated from them.
 */
import * as v from 'valibot'
import {
  AppName,
  ContainerName,
  ExcludeGlob,
  LocalUrl,
  PathText,
  StoreUrl,
  countUpTo,
  durationBetween,
  yesOrNo,
} from './scalar-schemas.ts'

const SECOND_MS = 1000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Bounds of a declaration, so that what follows from it stays small. */
const MAX_PATHS = 64
const MAX_EXCLUDES = 64
const MAX_ARGUMENTS = 64

/** A map of exactly these keys. Its message names them, for a value that is no map and for a key that is unknown. */
function map<const T extends v.ObjectEntries>(entries: T) {
  return v.strictObject(entries, `a map with the keys ${Object.keys(entries).join(', ')}`)
}

const FullPath = v.pipe(
  map({
    path: PathText,
    as: v.optional(
      v.pipe(
        v.picklist(['files', 'sqlite'], 'files or sqlite'),
        v.description(
          'Default: files, with SQLite databases among them noticed and read through SQLite. files: every file as it lies there, databases too. sqlite: one database, and nothing else.',
        ),
      ),
    ),
    container: v.optional(ContainerName),
    exclude: v.optional(
      v.pipe(
        v.array(ExcludeGlob, 'a list of patterns, as ["**/*.tmp", "cache/"]'),
        v.maxLength(MAX_EXCLUDES, `${MAX_EXCLUDES} patterns at most`),
        v.description('Patterns of picomatch, relative to the path, for what is no state.'),
      ),
    ),
  }),
  v.partialCheck(
    [['as'], ['exclude']],
    (entry) => !(entry.as === 'sqlite' && entry.exclude !== undefined),
    'no exclude beside "as: sqlite": a database is one file',
  ),
  v.partialCheck(
    [['path'], ['as']],
    (entry) => !(entry.as === 'sqlite' && /(\/|-wal|-shm|-journal)$/.test(entry.path)),
    'for "as: sqlite" the path of the database file itself, as /var/lib/ledger/ledger.db',
  ),
)

const PathList = v.pipe(
  v.array(v.union([PathText, FullPath], 'a path, or a map with the key path'), 'a list of paths'),
  v.minLength(1, 'one path at least'),
  v.maxLength(MAX_PATHS, `${MAX_PATHS} paths at most`),
)

const HOOK_ONE_OF = 'exactly one of http and exec'

function hook(description: string) {
  return v.pipe(
    map({
      http: v.optional(LocalUrl),
      exec: v.optional(
        v.pipe(
          v.array(
            v.string('a word of the command'),
            'a command as a list, as ["fsfreeze", "-f", "/data"]',
          ),
          v.minLength(1, 'one word at least'),
          v.maxLength(MAX_ARGUMENTS, `${MAX_ARGUMENTS} words at most`),
        ),
      ),
      timeout: v.optional(durationBetween(100, 600 * SECOND_MS, 'Default: 10s.')),
      onError: v.optional(
        v.pipe(
          v.picklist(['fail', 'continue'], 'fail or continue'),
          v.description('Default: fail.'),
        ),
      ),
    }),
    v.partialCheck(
      [['http'], ['exec']],
      (value) => (value.http === undefined) !== (value.exec === undefined),
      HOOK_ONE_OF,
    ),
    v.description(description),
  )
}

const within = v.optional(
  durationBetween(
    100,
    DAY_MS,
    'The RPO promised: a change is durable within this time. Default: 5s.',
  ),
)

const keep = v.optional(
  map({
    all: v.optional(durationBetween(0, 3650 * DAY_MS, 'Every version of this time. Default: 24h.')),
    hourly: v.optional(countUpTo(100_000, 'Default: 48.')),
    daily: v.optional(countUpTo(100_000, 'Default: 14.')),
    weekly: v.optional(countUpTo(100_000, 'Default: 8.')),
  }),
)

const restore = v.optional(
  map({
    images: v.optional(yesOrNo('Pin the images recorded with the version. Default: true.')),
    whenEmpty: v.optional(
      v.pipe(
        v.picklist(['resume', 'fresh', 'fail'], 'resume, fresh or fail'),
        v.description('What an empty volume with a history does. Default: resume.'),
      ),
    ),
  }),
)

const FullState = map({
  app: v.optional(AppName),
  paths: PathList,
  backup: v.optional(
    map({
      within,
      before: v.optional(
        hook(
          'Called before a version is read. An app that it freezes is frozen for six times its timeout at most.',
        ),
      ),
      after: v.optional(
        hook(
          'Called when it has been read, or cannot be; again and again while it fails. It may come twice.',
        ),
      ),
    }),
  ),
  keep,
  restore,
})

/** `holdfast.dev/state`: a path, a list of paths, or the full form. */
export const StateSchema = v.union(
  [PathText, PathList, FullState],
  'a path, a list of paths, or a map with the key paths',
)

const policyEntries = {
  backup: v.optional(map({ within })),
  keep,
  restore,
  allow: v.optional(
    map({
      exec: v.optional(yesOrNo('exec hooks.')),
      hostPath: v.optional(yesOrNo('State on a hostPath volume: a restore writes on the node.')),
      rootAgent: v.optional(
        yesOrNo('A sidecar as root, with CHOWN, DAC_OVERRIDE and FOWNER, for mixed owners.'),
      ),
      images: v.optional(
        yesOrNo("A pin may set images of other repositories than the template's."),
      ),
    }),
  ),
}

/** `holdfast.dev/policy` on a Namespace. */
export const PolicySchema = map({ ...policyEntries, store: v.optional(StoreUrl) })
/** The service's defaults: as a Namespace's policy; the store is said beside them. */
export const DefaultsSchema = map(policyEntries)

export type StateInput = v.InferOutput<typeof StateSchema>
export type HookInput = NonNullable<
  NonNullable<v.InferOutput<typeof FullState>['backup']>['before']
>
export type PolicyInput = v.InferOutput<typeof PolicySchema>
