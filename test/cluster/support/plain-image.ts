/** An image of test programs, as `docker save` writes it: layers are not compressed, because they only go next door. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

export interface PlainImage {
  readonly file: string
  /** With its tag. */
  readonly name: string
  /** Folders, the lowest first. */
  readonly layers: readonly string[]
  readonly entrypoint: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** `uid:gid`; root where it is not said. */
  readonly user?: string
}

export async function writeLayeredImage(image: PlainImage): Promise<void> {
  const folder = mkdtempSync(`${image.file}.`)
  try {
    const diffs: string[] = []
    for (const [index, layer] of image.layers.entries()) {
      const file = join(folder, `${index}.tar`)
      const owner = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name', '--mtime=@0']
      execFileSync('tar', [...owner, '-C', layer, '-cf', file, '.'])
      diffs.push(`sha256:${await digestOf(file)}`)
    }
    writeFileSync(join(folder, 'config.json'), JSON.stringify(configOf(image, diffs)))
    const Layers = diffs.map((_, index) => `${index}.tar`)
    const manifest = [{ Config: 'config.json', RepoTags: [image.name], Layers }]
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest))
    execFileSync('tar', [
      '-C',
      folder,
      '-cf',
      `${folder}.tar`,
      'manifest.json',
      'config.json',
      ...Layers,
    ])
    renameSync(`${folder}.tar`, image.file)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function configOf({ entrypoint, environment = {}, user = '' }: PlainImage, diffs: string[]) {
  return {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {
      User: user,
      Entrypoint: entrypoint,
      Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    },
    rootfs: { type: 'layers', diff_ids: diffs },
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
