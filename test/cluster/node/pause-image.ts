/** The image that holds a pod's namespaces open: a shell that waits, and so takes in every orphan that ends. */
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeLayeredImage } from '../support/plain-image.ts'
import type { NodePlace } from './place.ts'
import { PAUSE_IMAGE } from './settings.ts'

const BUSYBOX = '/usr/bin/busybox'
const PAUSE = `#!/busybox sh
trap 'exit 0' TERM INT
while :; do /busybox sleep 2147483 & wait; done
`

/** Returns the file. */
export async function pauseImage({ dir }: NodePlace): Promise<string> {
  const root = join(dir, 'pause')
  mkdirSync(root)
  copyFileSync(BUSYBOX, join(root, 'busybox'))
  writeFileSync(join(root, 'pause'), PAUSE)
  for (const name of ['busybox', 'pause']) chmodSync(join(root, name), 0o755)
  const file = join(dir, 'pause.tar')
  await writeLayeredImage({ file, name: PAUSE_IMAGE, layers: [root], entrypoint: ['/pause'] })
  return file
}
