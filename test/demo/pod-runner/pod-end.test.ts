import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { eventually, fake, processIsAlive, shell, startRunner } from './runner-fixture.ts'

test('sidecars are told in reverse order, after all apps have ended', async () => {
  const { runner, order, journal, journalFile } = startRunner()
  const pod = await runner.createPod({
    metadata: { name: 'ending' },
    spec: {
      initContainers: [
        { ...fake('outer', journalFile), restartPolicy: 'Always' },
        { ...fake('inner', journalFile), restartPolicy: 'Always' },
      ],
      containers: [fake('quick', journalFile), fake('slow', journalFile, 400)],
    },
  })
  await pod.whenReady()
  await eventually(() => journal().length === 4)
  await pod.delete()
  expect(order().filter((line) => /sigterm|ended$/.test(line))).toEqual([
    'quick sigterm',
    'slow sigterm',
    'quick container-ended',
    'slow container-ended',
    'inner sigterm',
    'inner container-ended',
    'outer sigterm',
    'outer container-ended',
  ])
  expect(journal().slice(-4)).toEqual(['inner SIGTERM', 'inner end', 'outer SIGTERM', 'outer end'])
  expect(pod.tail('slow')).toBe('slow runs')
})

test('a hung app eats the grace period, and is killed with all that it started', async () => {
  const { runner, seen, journal, journalFile } = startRunner()
  const pod = await runner.createPod({
    metadata: { name: 'hung' },
    spec: {
      terminationGracePeriodSeconds: 3,
      initContainers: [{ ...fake('holdfast', journalFile), restartPolicy: 'Always' }],
      containers: [fake('app', journalFile, 'ignore')],
    },
  })
  await pod.whenReady()
  await eventually(() => journal().length === 2)
  await pod.delete()
  const began = (await seen('terminating')).atMs
  const sidecar = await seen('sigterm', { container: 'holdfast' })
  const killed = await seen('sigkill', { container: 'app' })
  expect(killed.atMs - began).toBeGreaterThanOrEqual(2990)
  expect(sidecar.atMs - began).toBeGreaterThanOrEqual(2990)
  // Of three seconds nothing is left but what the kubelet gives everyone.
  expect(sidecar.detail).toBe('SIGKILL in 2000 ms')
  expect(journal()).toContain('holdfast end')
})

test('the preStop of a sidecar runs beside the SIGTERM of the app', async () => {
  const { runner, order, journal, journalFile } = startRunner()
  // Ends only when it has seen the app's SIGTERM; the app goes on until it has seen the hook.
  const hook = `until grep -q 'app SIGTERM' '${journalFile}'; do sleep 0.05; done; echo 'drain seen' >> '${journalFile}'`
  const pod = await runner.createPod({
    metadata: { name: 'draining' },
    spec: {
      initContainers: [
        {
          ...fake('holdfast', journalFile),
          restartPolicy: 'Always',
          lifecycle: { preStop: shell(hook) },
        },
      ],
      containers: [fake('app', journalFile, 600)],
    },
  })
  await pod.whenReady()
  await eventually(() => journal().length === 2)
  await pod.delete()
  expect(order().indexOf('holdfast pre-stop-started')).toBeLessThan(
    order().indexOf('app container-ended'),
  )
  const lines = journal()
  expect(lines.indexOf('drain seen')).toBeGreaterThan(lines.indexOf('app SIGTERM'))
  expect(lines.indexOf('drain seen')).toBeLessThan(lines.indexOf('holdfast SIGTERM'))
  expect(lines.at(-1)).toBe('holdfast end')
})

test('an app gets SIGTERM after its own preStop', async () => {
  const { runner, journal, journalFile } = startRunner()
  const app = {
    ...fake('app', journalFile),
    lifecycle: { preStop: shell(`sleep 0.2; echo hook >> '${journalFile}'`) },
  }
  const pod = await runner.createPod({ metadata: { name: 'hooked' }, spec: { containers: [app] } })
  await pod.whenReady()
  await eventually(() => journal().length === 1)
  await pod.delete()
  expect(journal()).toEqual(['app start', 'hook', 'app SIGTERM', 'app end'])
})

test('a pod that is deleted while it is held ends, and its apps never start', async () => {
  const { runner, seen, order, journalFile } = startRunner()
  const startupProbe = { ...shell('exit 1'), periodSeconds: 1, failureThreshold: 100 }
  const pod = await runner.createPod({
    metadata: { name: 'held' },
    spec: {
      initContainers: [{ ...fake('holdfast', journalFile), restartPolicy: 'Always', startupProbe }],
      containers: [fake('app', journalFile)],
    },
  })
  await seen('probe-failed')
  await pod.delete()
  expect(order()).not.toContain('app container-started')
  expect(order().at(-1)).toBe('pod-gone')
})

test('a lost node ends everything at once; its emptyDir is gone, a claim stays', async () => {
  const { runner, directory, order, journal, journalFile } = startRunner()
  const volumeMounts = [
    { name: 'scratch', mountPath: '/scratch' },
    { name: 'data', mountPath: '/data' },
  ]
  const spec = {
    volumes: [
      { name: 'scratch', emptyDir: {} },
      { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
    ],
    initContainers: [{ ...fake('holdfast', journalFile), restartPolicy: 'Always' }],
    containers: [{ ...fake('app', journalFile, 'ignore'), volumeMounts }],
  }
  const pod = await runner.createPod({ metadata: { name: 'lost' }, spec })
  await pod.whenReady()
  const pids = ['app', 'holdfast'].map((name) => pod.container(name).pid!)
  const scratch = pod.volumeFolder('scratch')
  const data = pod.volumeFolder('data')
  fs.writeFileSync(path.join(data, 'kept'), '')
  await pod.kill()
  expect(pids.filter(processIsAlive)).toEqual([])
  expect(order().some((line) => line.endsWith('sigterm'))).toBe(false)
  expect(journal().some((line) => line.endsWith('SIGTERM'))).toBe(false)
  expect(fs.existsSync(scratch)).toBe(false)
  expect(fs.readdirSync(data)).toEqual(['kept'])
  expect(data.startsWith(path.join(directory, 'claims'))).toBe(true)

  const next = await runner.createPod({ metadata: { name: 'lost' }, spec })
  expect(next.volumeFolder('data')).toBe(data)
  await next.kill({ loseClaims: true })
  expect(fs.readdirSync(data)).toEqual([])
})

test('what a process started does not outlive it', async () => {
  const { runner, directory, seen, journalFile } = startRunner()
  const file = path.join(directory, 'pid')
  const command = [
    'sh',
    '-c',
    `sleep 600 & echo $! > '${file}.tmp'; mv '${file}.tmp' '${file}'; wait`,
  ]
  const pod = await runner.createPod({
    metadata: { name: 'family' },
    spec: { containers: [{ ...fake('app', journalFile), command, args: [] }] },
  })
  await eventually(() => fs.existsSync(file))
  const grandchild = Number(fs.readFileSync(file, 'utf8'))
  expect(processIsAlive(grandchild)).toBe(true)
  pod.container('app').crash()
  await seen('container-ended')
  await eventually(() => !processIsAlive(grandchild))
})

test.each(['SIGKILL', 'SIGINT'] as const)(
  'the processes of a runner that ends by %s end with it',
  async (signal) => {
    const { directory } = startRunner()
    const program = path.join(import.meta.dirname, 'runner-program.ts')
    const child = spawn(process.execPath, [program, path.join(directory, 'inner')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    const pids = JSON.parse(line) as number[]
    expect(pids.map(processIsAlive)).toEqual([true, true])
    child.kill(signal)
    await eventually(() => !pids.some(processIsAlive))
  },
)
