/** What `make image-tar` and the Dockerfile run: `root-fs FOLDER` or `tar FILE NAME:TAG`. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { HoldfastError, UsageError } from '../../shared/errors.ts'
import { formatBytes } from '../../cli/text/sizes.ts'
import { writeArchive } from './archive.ts'
import type { ImageFacts } from './image-config.ts'
import { assembleRootFs } from './root-fs.ts'
import { sizesOf } from './sizes.ts'

const REPOSITORY = path.join(import.meta.dirname, '../..')

async function main([verb, target, name]: readonly string[]): Promise<void> {
  if (verb === 'root-fs' && target !== undefined) return assembleRootFs(path.resolve(target))
  if (verb !== 'tar' || target === undefined || name === undefined)
    throw new UsageError('usage: node manifests/image/main.ts root-fs FOLDER | tar FILE NAME:TAG')
  const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-image-'))
  try {
    const root = path.join(folder, 'root')
    await assembleRootFs(root)
    const { digest, layerBytes } = await writeArchive(
      root,
      path.resolve(target),
      name,
      await facts(),
    )
    for (const [part, bytes] of sizesOf(root))
      console.log(`${formatBytes(bytes).padStart(10)}  ${part}`)
    console.log(`${formatBytes(layerBytes).padStart(10)}  compressed, as it is pulled`)
    console.log(`${target}: ${name}, ${digest}`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function facts(): Promise<ImageFacts> {
  const { version } = JSON.parse(await readFile(path.join(REPOSITORY, 'package.json'), 'utf8')) as {
    version: string
  }
  const revision = git('rev-parse', 'HEAD')
  const seconds = Number(git('show', '-s', '--format=%ct', 'HEAD') ?? 0)
  return { version, revision, created: new Date(seconds * 1000).toISOString() }
}

/** Undefined outside of a repository. */
function git(...words: string[]): string | undefined {
  try {
    return execFileSync('git', ['-C', REPOSITORY, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return undefined
  }
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof HoldfastError)) throw error
  console.error(error.message)
  process.exitCode = error.exitCode
}
