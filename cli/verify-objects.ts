/** What a stream has besides its log and the packs that versions refer to: tags, the head, and what nothing refers to. */
import { CorruptObjectError } from '../shared/errors.ts'
import type { VersionRecord } from '../shared/repository/log-record.ts'
import type { ObjectInfo, ObjectStore } from '../shared/object-store/object-store.ts'
import { readMoved } from '../shared/repository/moved-pack.ts'
import { movedPrefix, packsPrefix, streamPrefix } from '../shared/repository/object-keys.ts'
import { listTags, readTag } from '../shared/repository/tags.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { inOrder } from './in-order.ts'
import type { StreamInRepository } from './repository.ts'

export async function checkOtherObjects(
  from: StreamInRepository,
  versions: readonly VersionRecord[],
  packs: ReadonlySet<string>,
): Promise<{ problems: string[]; unreferenced: string[] }> {
  const known = new Set(versions.map(({ n }) => n))
  return {
    problems: [...(await tagProblems(from, known)), ...headProblems(versions, known)],
    unreferenced: await unreferenced(from, packs),
  }
}

async function tagProblems(
  { store, log }: StreamInRepository,
  versions: ReadonlySet<number>,
): Promise<string[]> {
  const problems: string[] = []
  for (const tag of await listTags(store, log.stream)) {
    try {
      const n = await readTag(store, log.stream, tag)
      if (n !== undefined && !versions.has(n))
        problems.push(`the tag "${tag}" names v${n}, which is no readable version`)
    } catch (error) {
      if (!(error instanceof CorruptObjectError)) throw error
      problems.push(error.message)
    }
  }
  return problems
}

/** The newest record that is a version names itself, or another, as what `latest` is. */
function headProblems(versions: readonly VersionRecord[], known: ReadonlySet<number>): string[] {
  const latest = versions.at(-1)?.log.head?.version ?? 0
  return latest === 0 || known.has(latest)
    ? []
    : [`the log says that latest is v${latest}, which is no readable version`]
}

/** Folders of a stream whose objects need nobody to refer to them; what lies elsewhere is a pack, or somebody else's. */
const OWN_FOLDERS = new Set([
  'versions',
  'tags',
  'verdicts',
  'damaged',
  'holds',
  'prune',
  'moved',
  'clock',
])

async function unreferenced(
  from: StreamInRepository,
  packs: ReadonlySet<string>,
): Promise<string[]> {
  const { store, log } = from
  const prefix = streamPrefix(log.stream)
  const objects = await store.list(prefix)
  const targets = new Set(await moveTargets(from, objects))
  return objects.flatMap(({ key }) => {
    const [folder = '', ...rest] = key.slice(prefix.length).split('/')
    if (OWN_FOLDERS.has(folder) && rest.length > 0) return []
    const pack = key.slice(packsPrefix(log.stream).length)
    return folder === 'packs' && (packs.has(pack) || targets.has(pack)) ? [] : key
  })
}

/** Packs that compaction has moved frames to. */
async function moveTargets(
  { store, log }: StreamInRepository,
  objects: readonly ObjectInfo[],
): Promise<string[]> {
  const prefix = movedPrefix(log.stream)
  const names = objects.flatMap(({ key }) =>
    key.startsWith(prefix) ? key.slice(prefix.length) : [],
  )
  const targets: string[] = []
  for await (const moved of inOrder(names, (name) => targetOf(store, log.stream, name)))
    targets.push(...moved)
  return targets
}

async function targetOf(store: ObjectStore, stream: StreamName, pack: string): Promise<string[]> {
  try {
    const moved = await readMoved(store, stream, pack)
    return moved === undefined ? [] : [moved.to]
  } catch (error) {
    // What it should bring is told as lost, if a version needs it.
    if (error instanceof CorruptObjectError) return []
    throw error
  }
}
