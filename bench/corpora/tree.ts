/** The files of a tree, as a corpus is made of them and compared. */
import { lstatSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'

export interface TreeFile {
  /** Below the tree's root. */
  readonly name: string
  readonly sizeBytes: number
}

/** Regular files only, sorted by name, folder by folder; what cannot be read is left out. */
export function filesBelow(root: string, below = ''): TreeFile[] {
  return namesIn(path.join(root, below)).flatMap((entry) => {
    const name = path.join(below, entry)
    const stat = lstatSync(path.join(root, name), { throwIfNoEntry: false })
    if (stat?.isDirectory() === true) return filesBelow(root, name)
    return stat?.isFile() === true ? [{ name, sizeBytes: stat.size }] : []
  })
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted()
  } catch {
    return []
  }
}

/** Without what Holdfast itself puts into a volume's root. */
export function appFilesBelow(root: string): TreeFile[] {
  return filesBelow(root).filter(({ name }) => !name.startsWith('.holdfast'))
}

/** Reads every byte once: from then on both sides find it in the page cache. */
export function warm(root: string): void {
  for (const { name } of filesBelow(root)) readFileSync(path.join(root, name))
}

/** Undefined, or how two trees differ in names and sizes. A restore that brings something else back is no result. */
export function treeDifference(a: string, b: string): string | undefined {
  const [left, right] = [a, b].map((root) =>
    appFilesBelow(root).map(({ name, sizeBytes }) => `${name} (${sizeBytes} bytes)`),
  ) as [string[], string[]]
  const there = new Set(right)
  const missing = left.find((line) => !there.has(line))
  if (missing !== undefined) return `${b} lacks ${missing} of ${a}`
  return left.length === right.length ? undefined : `${b} has more files than ${a}`
}
