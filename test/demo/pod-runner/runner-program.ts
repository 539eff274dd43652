/** A caller of the runner, to be killed: starts one pod in the given folder and prints the pids of its containers. */
import path from 'node:path'
import { PodRunner } from '../../../demo/pod-runner/pod-runner.ts'

const [directory = ''] = process.argv.slice(2)
const program = path.join(import.meta.dirname, 'fake-container.ts')
const runner = new PodRunner({
  directory,
  images: { 'fake:1': { command: [process.execPath, program] } },
  imageEnv: {},
})
const pod = await runner.createPod({
  metadata: { name: 'orphan' },
  spec: {
    initContainers: [{ name: 'holdfast', image: 'fake:1', restartPolicy: 'Always' }],
    containers: [{ name: 'app', image: 'fake:1', args: ['ignore'] }],
  },
})
await pod.whenReady()
console.log(JSON.stringify(['holdfast', 'app'].map((name) => pod.container(name).pid)))
