/** The texts under which the image may be passed on: each text once, with the packages that it is of. */
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Package } from './packages.ts'

const LICENCE = path.join(import.meta.dirname, '../../LICENSE')
const RULE = `\n${'='.repeat(80)}\n`

export async function writeLicences(packages: readonly Package[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await copyFile(LICENCE, path.join(folder, 'LICENSE'))
  const owners = new Map<string, string[]>()
  for (const each of packages) {
    const texts = each.licenceFiles.filter((file) => existsSync(file)).map(readText)
    for (const text of texts.length === 0 ? [withoutText(each)] : texts)
      owners.set(text, [...(owners.get(text) ?? []), `${each.name} ${each.version}`])
  }
  const parts = [...owners].map(([text, names]) => `${names.join(', ')}\n\n${text}`)
  await writeFile(path.join(folder, 'THIRD-PARTY-LICENCES'), parts.join(RULE))
}

function readText(file: string): string {
  return `${readFileSync(file, 'utf8').trim()}\n`
}

function withoutText({ licence = 'not named' }: Package): string {
  return `The package brings no text of its licence, which is: ${licence}\n`
}
