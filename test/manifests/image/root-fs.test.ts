import { spawnSync } from 'node:child_process'
import {
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeArchive } from '../../../manifests/image/archive.ts'
import {
  ENTRYPOINT,
  ENVIRONMENT,
  LABELS,
  USER,
  imageConfig,
} from '../../../manifests/image/image-config.ts'
import { IMAGE_USER, assembleRootFs } from '../../../manifests/image/root-fs.ts'
import { installPackages, missingPrograms } from '../../support/debian-packages.ts'

const FACTS = { version: '0.1.0', revision: 'abc', created: '2026-11-20T00:00:00.000Z' }
const isRoot = process.getuid?.() === 0

let folder: string
let root: string

beforeAll(async () => {
  if (isRoot && missingPrograms(['strip', 'setfattr']).length > 0)
    installPackages(['attr', 'binutils'])
  folder = await mkdtemp(join(tmpdir(), 'holdfast-image-'))
  root = join(folder, 'root')
  await assembleRootFs(root)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** In the image's root file system, which is read-only, as the image's user or another. */
function run(words: readonly string[], user = String(IMAGE_USER)): { code: number; said: string } {
  const confined = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
  const enter = ['chroot', `--userspec=${user}:${user}`, root, ...words]
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    ['--mount', 'sh', '-c', confined, root, ...enter],
    { encoding: 'utf8', env: { ...ENVIRONMENT, PATH: '/usr/bin:/usr/sbin:/bin:/sbin' } },
  )
  return { code: status ?? -1, said: stdout + stderr }
}

function blob(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`
}

/** Of names, kinds, modes and contents. */
function treeDigest(tree: string): string {
  const list = 'cd "$0" && find . -printf "%p %y %m %l\\n" | sort'
  const contents = 'find . -type f -print0 | sort -z | xargs -0 sha256sum'
  const { stdout } = spawnSync('sh', ['-c', `${list} && ${contents}`, tree], { encoding: 'utf8' })
  return stdout
}

describe.runIf(isRoot)('inside of the root file system (which root alone may enter)', () => {
  it('runs the three programs, read-only, as a user that owns nothing', () => {
    expect(run(['holdfast', '--version'])).toEqual({ code: 0, said: '0.1.0\n' })
    expect(run(['holdfast-agent', 'replicate']).said).toContain('HOLDFAST_ASSIGNMENT is not set')
    expect(run(['holdfast-webhook']).said).toContain('HOLDFAST_IMAGE is not set')
  })

  it.each([['0'], ['1000'], ['1234567']])('runs the agent as the app’s user %s', (user) => {
    expect(run(['holdfast-agent', 'replicate'], user).said).toContain('HOLDFAST_ASSIGNMENT')
  })

  it('has what the agent starts, and no shell', async () => {
    for (const tool of ['getfattr', 'setfattr', 'xargs', 'sync'])
      expect(run([tool, '--version']).code).toBe(0)
    const commands = ['getfattr', 'holdfast', 'holdfast-agent', 'holdfast-webhook']
    expect((await readdir(join(root, 'usr/bin'))).toSorted()).toEqual(
      [...commands, 'node', 'setfattr', 'sync', 'xargs'].toSorted(),
    )
  })

  it('finds hosts by name, and trusts the certificates that Node carries', async () => {
    // In a container it is the kubelet's.
    await writeFile(join(root, 'etc/hosts'), '192.0.2.7 store.test\n')
    const script = `require('dns').lookup('store.test', (error, address) =>
      console.log(address, require('tls').rootCertificates.length > 100))`
    const { said } = run(['node', '-e', script])
    await rm(join(root, 'etc/hosts'))
    expect(said).toBe('192.0.2.7 true\n')
  })
})

describe('the root file system of the image', () => {
  it('tells everything that is in it, with version and licence', async () => {
    const papers = join(root, 'usr/share/doc/holdfast')
    const bill = JSON.parse(await readFile(join(papers, 'bill-of-materials.json'), 'utf8')) as {
      components: { name: string; version: string; purl: string }[]
    }
    const names = bill.components.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['express', 'node', 'libc6', 'attr']))
    // Not bundled: only the tests have it.
    expect(names).not.toContain('vitest')
    expect(new Set(bill.components.map(({ purl }) => purl)).size).toBe(names.length)
    const licences = await readFile(join(papers, 'THIRD-PARTY-LICENCES'), 'utf8')
    for (const { name, version } of bill.components)
      expect(licences).toContain(`${name} ${version}`)
  })

  it('is the same when it is assembled again', async () => {
    const again = join(folder, 'again')
    await assembleRootFs(again)
    expect(treeDigest(again)).toBe(treeDigest(root))
  })

  it('lets everybody write to /tmp, as /tmp is', async () => {
    expect((await stat(join(root, 'tmp'))).mode & 0o7777).toBe(0o1777)
    expect(await readlink(join(root, 'lib'))).toBe('usr/lib')
  })
})

describe('the archive of the image', () => {
  it('is the same, byte for byte, when it is made again', async () => {
    const small = join(folder, 'small')
    await mkdir(small)
    await writeFile(join(small, 'file'), 'content')
    const files = [join(folder, 'first.tar'), join(folder, 'second.tar')]
    for (const file of files) {
      await utimes(join(small, 'file'), Math.random() * 1e9, 0)
      await writeArchive(small, file, 'localhost/holdfast:test', FACTS)
    }
    const [first, second] = await Promise.all(files.map((file) => readFile(file)))
    expect(second?.equals(first ?? Buffer.alloc(0))).toBe(true)
  })

  it('leads from its index to a layer whose contents have the digest that the config names', async () => {
    const file = join(folder, 'image.tar')
    await writeArchive(root, file, 'localhost/holdfast:test', FACTS)
    const read = (name: string) =>
      spawnSync('tar', ['-xOf', file, `./${name}`], { maxBuffer: 1 << 28 }).stdout
    const json = (name: string) => JSON.parse(read(name).toString()) as Record<string, never>
    const index = json('index.json') as unknown as { manifests: [{ digest: string }] }
    const manifest = json(blob(index.manifests[0].digest)) as unknown as {
      config: { digest: string }
      layers: [{ digest: string; size: number }]
    }
    const [{ Config, Layers, RepoTags }] = json('manifest.json') as unknown as [
      { Config: string; Layers: [string]; RepoTags: [string] },
    ]
    expect(Config).toBe(blob(manifest.config.digest))
    expect(Layers).toEqual([blob(manifest.layers[0].digest)])
    expect(RepoTags).toEqual(['localhost/holdfast:test'])
    expect(read(Layers[0])).toHaveLength(manifest.layers[0].size)
    const plain = spawnSync('sh', [
      '-c',
      `tar -xOf '${file}' './${Layers[0]}' | gzip -dc | sha256sum`,
    ])
    const [digest = ''] = plain.stdout.toString().split(' ')
    expect(json(Config)).toEqual(JSON.parse(JSON.stringify(imageConfig(FACTS, `sha256:${digest}`))))
  })
})

describe('the Dockerfile', () => {
  it('says of the image what the archive says', async () => {
    const text = await readFile(
      join(import.meta.dirname, '../../../manifests/image/Dockerfile'),
      'utf8',
    )
    const last = text.slice(text.indexOf('FROM scratch'))
    const all = (word: string) =>
      [...last.matchAll(new RegExp(`^${word} (.*)$`, 'gm'))].map(([, rest = '']) => rest)
    expect(all('ENV')).toEqual(
      Object.entries(ENVIRONMENT).map(([name, value]) => `${name}="${value}"`),
    )
    expect(all('LABEL')).toEqual(
      Object.entries(LABELS).map(([name, value]) => `${name}="${value}"`),
    )
    expect(all('USER')).toEqual([USER])
    expect(all('ENTRYPOINT')).toEqual([JSON.stringify(ENTRYPOINT)])
  })
})
