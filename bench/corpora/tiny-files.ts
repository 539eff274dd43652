import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const FOLDERS_PER_FOLDER = 100

/** `count` files of some dozen bytes, no two alike, spread over `folders`, which lie two deep. */
export function makeTinyFiles(at: string, count: number, folders: number): void {
  const names = Array.from({ length: folders }, (_, i) =>
    path.join(at, `part-${Math.floor(i / FOLDERS_PER_FOLDER)}`, `folder-${i}`),
  )
  for (const name of names) mkdirSync(name, { recursive: true })
  for (let i = 0; i < count; i += 1)
    writeFileSync(
      path.join(names[i % folders] ?? at, `file-${i}.txt`),
      `the content of file ${i}\n`,
    )
}
