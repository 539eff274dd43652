/**
 * The lines that manifests consist of nearly altogether, read without a schema, in a fifth of the time: files with
 * nothing unusual about them. What is not taken here is no error: the schema judges it, and says what is wrong.
 */
import { MAX_FRAME_BYTES } from './frame.ts'

/** As the schema reads it. */
export interface UsualFile {
  readonly type: 'file'
  readonly name: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly sizeBytes: number
  readonly chunks: readonly UsualChunk[]
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly inode: bigint
}

/** Id, length, pack, frame's offset, stored and plain length, start. */
type UsualChunk = [string, number, number, number, number, number, number]

const FIELDS = 10
const CHUNK_FIELDS = 7
const DIGITS = /^-?\d{1,30}$/
const CHUNK_ID = /^[0-9a-f]{64}$/

/** Undefined: it is something else, or nothing that may be. */
export function usualFile(
  value: unknown,
  isName: (name: string) => boolean,
): UsualFile | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const line = value as Record<string, unknown>
  // A line with more fields has an unusual one.
  if (line['type'] !== 'file' || Object.keys(line).length !== FIELDS) return undefined
  if (!hasNumbers(line) || !hasDigits(line) || !hasUsualChunks(line)) return undefined
  const { name, mode, uid, gid, sizeBytes, chunks, mtimeNs, ctimeNs, inode } = line
  if (typeof name !== 'string' || !isName(name)) return undefined
  const times = { mtimeNs: BigInt(mtimeNs), ctimeNs: BigInt(ctimeNs), inode: BigInt(inode) }
  return { type: 'file', name, mode, uid, gid, sizeBytes, chunks, ...times }
}

function hasNumbers<L extends Record<string, unknown>>(
  line: L,
): line is L & Record<'mode' | 'uid' | 'gid' | 'sizeBytes', number> {
  const { mode, uid, gid, sizeBytes } = line
  return isCount(mode) && mode <= 0o7777 && isCount(uid) && isCount(gid) && isCount(sizeBytes)
}

function hasDigits<L extends Record<string, unknown>>(
  line: L,
): line is L & Record<'mtimeNs' | 'ctimeNs' | 'inode', string> {
  return isDigits(line['mtimeNs']) && isDigits(line['ctimeNs']) && isDigits(line['inode'])
}

function hasUsualChunks<L extends Record<string, unknown>>(
  line: L,
): line is L & { chunks: UsualChunk[] } {
  const { chunks } = line
  return Array.isArray(chunks) && chunks.every(isUsualChunk)
}

function isUsualChunk(chunk: unknown): chunk is UsualChunk {
  if (!Array.isArray(chunk) || chunk.length !== CHUNK_FIELDS) return false
  const [id, length, pack, offset, stored, plain, start] = chunk as unknown[]
  return (
    typeof id === 'string' &&
    CHUNK_ID.test(id) &&
    isInFrame(length) &&
    isCount(pack) &&
    isCount(offset) &&
    isCount(stored) &&
    isInFrame(plain) &&
    isInFrame(start)
  )
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isInFrame(value: unknown): boolean {
  return isCount(value) && value <= MAX_FRAME_BYTES
}

function isDigits(value: unknown): value is string {
  return typeof value === 'string' && DIGITS.test(value)
}
