/** Where a piece is made, and the commands that it is made by. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { holdfastHere } from '../cli/command.ts'

export const work = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-museum-')))
export const store = path.join(work, 'store')
export const url = `file://${store}`

export function folder(name: string): string {
  const at = path.join(work, name)
  fs.mkdirSync(at, { recursive: true })
  return at
}

export async function run(codes: readonly number[], ...args: string[]): Promise<void> {
  const { code, stderr } = await holdfastHere(...args)
  if (!codes.includes(code ?? -1)) throw new Error(`${args.join(' ')}: ${code}\n${stderr}`)
}

export function ship(stream: string, at: string, ...more: string[]): Promise<void> {
  const from = ['--store', url, '--stream', stream, '--path', at, '--once']
  return run([0], 'replicate', ...from, ...more)
}
