/**
 * An image without an engine: an OCI layout in a tar, which also has the `manifest.json` of `docker save`, so that
 * `docker load`, `podman load`, `ctr images import` and `skopeo copy oci-archive:` all read it.
 * The same root file system gives the same bytes: names sorted, times and owners zero.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { HoldfastError } from '../../shared/errors.ts'
import { imageConfig, type ImageFacts } from './image-config.ts'

const TYPE = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
}
const REPEATABLE = [
  '--format=gnu',
  '--sort=name',
  '--mtime=@0',
  '--owner=0',
  '--group=0',
  '--numeric-owner',
]

interface Blob {
  readonly mediaType: string
  /** `sha256:<hex>` */
  readonly digest: string
  readonly size: number
}

export interface Archive {
  /** Of the manifest: what an image is pinned by. */
  readonly digest: string
  /** Of the compressed layer. */
  readonly layerBytes: number
}

/** @param name with its tag, as `registry.example/holdfast:0.1.0`. The file appears when it is whole. */
export async function writeArchive(
  root: string,
  file: string,
  name: string,
  facts: ImageFacts,
): Promise<Archive> {
  const folder = await mkdtemp(`${file}.`)
  try {
    const blobs = path.join(folder, 'layout/blobs/sha256')
    await mkdir(blobs, { recursive: true })
    const layerTar = path.join(folder, 'layer.tar')
    await tar(root, layerTar)
    const { digest: plainLayer } = await digestOf(layerTar)
    const layer = await addBlob(blobs, TYPE.layer, await compressed(layerTar))
    const config = await addJson(blobs, TYPE.config, imageConfig(facts, plainLayer))
    const manifest = await addJson(blobs, TYPE.manifest, {
      schemaVersion: 2,
      mediaType: TYPE.manifest,
      config,
      layers: [layer],
    })
    await writeLayout(path.join(folder, 'layout'), name, { manifest, config, layer })
    await tar(path.join(folder, 'layout'), path.join(folder, 'image.tar'))
    await rename(path.join(folder, 'image.tar'), file)
    return { digest: manifest.digest, layerBytes: layer.size }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Parts {
  readonly manifest: Blob
  readonly config: Blob
  readonly layer: Blob
}

async function writeLayout(folder: string, name: string, parts: Parts): Promise<void> {
  const annotations = {
    'io.containerd.image.name': name,
    'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
  }
  const files = {
    'oci-layout': { imageLayoutVersion: '1.0.0' },
    'index.json': {
      schemaVersion: 2,
      mediaType: TYPE.index,
      manifests: [{ ...parts.manifest, annotations }],
    },
    'manifest.json': [
      { Config: blobPath(parts.config), RepoTags: [name], Layers: [blobPath(parts.layer)] },
    ],
  }
  for (const [file, content] of Object.entries(files))
    await writeFile(path.join(folder, file), JSON.stringify(content))
}

function blobPath({ digest }: Blob): string {
  return `blobs/${digest.replace(':', '/')}`
}

async function addJson(blobs: string, mediaType: string, content: object): Promise<Blob> {
  const file = path.join(blobs, 'new')
  await writeFile(file, JSON.stringify(content))
  return addBlob(blobs, mediaType, file)
}

async function addBlob(blobs: string, mediaType: string, file: string): Promise<Blob> {
  const { digest, size } = await digestOf(file)
  await rename(file, path.join(blobs, digest.slice('sha256:'.length)))
  return { mediaType, digest, size }
}

async function digestOf(file: string): Promise<{ digest: string; size: number }> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return { digest: `sha256:${hash.digest('hex')}`, size: (await stat(file)).size }
}

async function compressed(file: string): Promise<string> {
  await pipeline(createReadStream(file), createGzip(), createWriteStream(`${file}.gz`))
  return `${file}.gz`
}

async function tar(folder: string, file: string): Promise<void> {
  const child = spawn('tar', [...REPEATABLE, '-C', folder, '-cf', file, '.'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const said: Buffer[] = []
  child.stderr.on('data', (piece: Buffer) => said.push(piece))
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  if (code !== 0)
    throw new HoldfastError(`tar ended with ${String(code)}: ${Buffer.concat(said).toString()}`)
}
