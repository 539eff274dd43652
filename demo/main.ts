/** `make demo`: the whole story on this machine, with no cluster and no S3 account. */
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { LocalCluster } from './local-cluster.ts'
import { Narrator } from './narrator.ts'
import { tell } from './story.ts'

const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'holdfast-demo-'))
const narrator = new Narrator()
const beganMs = performance.now()
console.log(
  `Holdfast demo. The repository is file://${directory}/bucket; pods are processes of this machine.`,
)
const cluster = await LocalCluster.start(directory)
try {
  await tell(cluster, narrator)
} finally {
  await cluster.close()
}
const seconds = ((performance.now() - beganMs) / 1000).toFixed(0)
const { failures, outcomes } = narrator
if (failures === 0) {
  await fs.rm(directory, { recursive: true })
  console.log(
    `\n${outcomes.length} steps, all as expected, ${seconds} s. Everything was removed again.`,
  )
} else {
  console.log(
    `\n${failures} of ${outcomes.length} steps were not as expected. Logs are in ${directory}/node.`,
  )
  process.exitCode = 1
}
