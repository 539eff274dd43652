/** What an agent is to be told of the damage: one notice for each object in which something is lost. Pure. */
import type { DamageNotice } from '../shared/repository/damage.ts'
import type { Findings } from './verify-frames.ts'
import type { ChunkTable } from './verify-table.ts'

/**
 * @param needed damaged chunks that a version needs; others cost nothing.
 * @param withoutManifest versions whose header or manifest cannot be read.
 */
export function damageNotices(
  table: ChunkTable,
  findings: Findings,
  needed: ReadonlySet<number>,
  withoutManifest: ReadonlySet<number>,
): DamageNotice[] {
  const notices = new Map<string, DamageNotice>()
  const noticeOf = (pack: string): DamageNotice => {
    const known = notices.get(pack)
    if (known !== undefined) return known
    const made = { pack, gone: false, manifest: false, frames: [], chunks: [] }
    notices.set(pack, made)
    return made
  }
  for (const n of withoutManifest) noticeOf(`v${n}`).manifest = true
  const frames = new Set<number>()
  // In the order of the chunks, so that the same damage makes the same notice.
  for (const chunk of [...needed].toSorted((a, b) => a - b)) {
    const frame = table.frameOf(chunk)
    const pack = table.packOf(frame)
    const notice = noticeOf(table.packs[pack] ?? '')
    const { offset } = table.frame(frame)
    if (findings.gone.has(pack)) notice.gone = true
    else if (!findings.badFrames.has(frame)) {
      const { start, id } = table.chunk(chunk)
      notice.chunks.push([offset, start, id])
    } else if (!frames.has(frame)) notice.frames.push(offset)
    frames.add(frame)
  }
  return [...notices.values()].map((notice) => ({
    ...notice,
    frames: notice.frames.toSorted((a, b) => a - b),
  }))
}
