/** The images of the apps under test: Node, a shell, the example shop in two releases, and the app that acknowledges. */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writeLayeredImage } from './plain-image.ts'

const REPOSITORY = join(import.meta.dirname, '../../..')
const BUSYBOX = '/usr/bin/busybox'

/** Names by which pods ask for them. */
export const SHOP_14 = 'localhost/shop:1.4'
export const SHOP_15 = 'localhost/shop:1.5'
/** A shell, its tools, Node, and `/app/acknowledging-app.ts`. */
export const TOOLS = 'localhost/tools:1'

/** Makes them below `folder`. Returns the files. */
export async function makeAppImages(folder: string): Promise<string[]> {
  const runtime = join(folder, 'runtime')
  makeRuntime(runtime)
  const app = join(folder, 'app')
  cpSync(join(REPOSITORY, 'demo/shop'), join(app, 'app/shop'), { recursive: true })
  cpSync(
    join(REPOSITORY, 'test/support/acknowledging-app.ts'),
    join(app, 'app/acknowledging-app.ts'),
  )
  // Sources of modules: Node need not guess.
  writeFileSync(join(app, 'app/package.json'), '{"type": "module"}\n')
  const images = [
    { name: SHOP_14, ...shop('1.4') },
    { name: SHOP_15, ...shop('1.5') },
    { name: TOOLS, entrypoint: ['sh'], environment: {} },
  ]
  const files: string[] = []
  for (const image of images) {
    const file = join(folder, `${image.name.replaceAll(/[/:]/g, '-')}.tar`)
    const environment = { PATH: '/bin', ...image.environment }
    await writeLayeredImage({ ...image, environment, file, layers: [runtime, app] })
    files.push(file)
  }
  return files
}

function makeRuntime(root: string): void {
  mkdirSync(join(root, 'bin'), { recursive: true })
  mkdirSync(join(root, 'tmp'))
  chmodSync(join(root, 'tmp'), 0o1777)
  copyFileSync(BUSYBOX, join(root, 'bin/busybox'))
  const applets = execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).trim().split('\n')
  for (const applet of applets)
    if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet))
  copyFileSync(process.execPath, join(root, 'bin/node'))
  chmodSync(join(root, 'bin/node'), 0o755)
  const libraries = execFileSync('ldd', [process.execPath], { encoding: 'utf8' })
  for (const [, library = ''] of libraries.matchAll(/(?:^|\s)(\/\S+) \(0x/g)) {
    mkdirSync(join(root, dirname(library)), { recursive: true })
    copyFileSync(library, join(root, library))
  }
}

function shop(version: string) {
  return {
    entrypoint: ['node', '/app/shop/main.ts'],
    environment: {
      SHOP_VERSION: version,
      PORT: '8080',
      HOST: '0.0.0.0',
      DATA_DIR: '/var/lib/shop',
    },
  }
}
