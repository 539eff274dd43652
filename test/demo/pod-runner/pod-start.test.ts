import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { UsageError } from '../../../shared/errors.ts'
import { eventually, fake, shell, startRunner, untilFile } from './runner-fixture.ts'

test('init containers and sidecars start in order, apps together after the last', async () => {
  const { runner, order, journalFile } = startRunner()
  const quick = { image: 'fake:1', command: ['true'] }
  const pod = await runner.createPod({
    metadata: { name: 'ordered' },
    spec: {
      initContainers: [
        { ...quick, name: 'first' },
        { ...fake('mesh', journalFile), restartPolicy: 'Always' },
        { ...quick, name: 'second' },
      ],
      containers: [fake('a', journalFile), fake('b', journalFile)],
    },
  })
  expect(await pod.whenReady()).toBe(true)
  const started = order().filter((line) => /-(started|ended)$/.test(line))
  expect(started).toEqual([
    'first container-started',
    'first container-ended',
    'mesh container-started',
    'second container-started',
    'second container-ended',
    'a container-started',
    'b container-started',
  ])
})

test('an init container that fails is tried again and holds the pod', async () => {
  const { runner, directory, seen, order, journalFile } = startRunner()
  const gate = path.join(directory, 'gate')
  const pod = await runner.createPod({
    metadata: { name: 'migrating' },
    spec: {
      initContainers: [{ name: 'migrate', image: 'fake:1', command: ['test', '-e', gate] }],
      containers: [fake('app', journalFile)],
    },
  })
  await seen('back-off', { container: 'migrate', detail: 'restart 2 in 50 ms' })
  expect(order()).not.toContain('app container-started')
  fs.writeFileSync(gate, '')
  expect(await pod.whenReady()).toBe(true)
})

test('a startupProbe holds the app, and its output is the reason', async () => {
  const { runner, directory, seen, order, journalFile } = startRunner()
  const gate = path.join(directory, 'gate')
  const pod = await runner.createPod({
    metadata: { name: 'held' },
    spec: {
      initContainers: [
        {
          ...fake('holdfast', journalFile),
          restartPolicy: 'Always',
          startupProbe: untilFile(gate),
        },
      ],
      containers: [fake('app', journalFile)],
    },
  })
  const failed = await seen('probe-failed', { container: 'holdfast' })
  expect(failed.detail).toBe('startup probe failed: restoring 31%')
  expect(pod.container('holdfast').lastProbeOutput).toBe('restoring 31%')
  expect(pod.phase).toBe('pending')
  expect(order()).not.toContain('app container-started')
  fs.writeFileSync(gate, '')
  expect(await pod.whenReady()).toBe(true)
  expect(order().indexOf('holdfast startup-passed')).toBeLessThan(
    order().indexOf('app container-started'),
  )
})

test('a startupProbe that takes too long has failed with what it said', async () => {
  const { runner, seen, journalFile } = startRunner()
  await runner.createPod({
    metadata: { name: 'slow' },
    spec: {
      initContainers: [
        {
          ...fake('holdfast', journalFile),
          restartPolicy: 'Always',
          startupProbe: { ...shell('echo waiting; sleep 60'), timeoutSeconds: 1 },
        },
      ],
      containers: [fake('app', journalFile)],
    },
  })
  const failed = await seen('probe-failed')
  expect(failed.detail).toBe('startup probe failed: waiting (no end within 1 s)')
})

test('a startupProbe that fails as often as its threshold restarts the container', async () => {
  const { runner, seen, journalFile } = startRunner()
  await runner.createPod({
    metadata: { name: 'giving-up' },
    spec: {
      initContainers: [
        {
          ...fake('holdfast', journalFile),
          restartPolicy: 'Always',
          startupProbe: { ...shell('exit 1'), periodSeconds: 1, failureThreshold: 1 },
        },
      ],
      containers: [fake('app', journalFile)],
    },
  })
  await seen('back-off', { container: 'holdfast', detail: 'restart 2 in 50 ms' })
})

test('the readinessProbe asks the port of this machine that stands for the declared one', async () => {
  const { runner, journalFile } = startRunner()
  const app = fake('app', journalFile)
  const pod = await runner.createPod({
    metadata: { name: 'web' },
    spec: {
      containers: [
        {
          ...app,
          env: [...app.env, { name: 'PORT', value: '8080' }],
          ports: [{ name: 'http', containerPort: 8080 }],
          readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
        },
      ],
    },
  })
  expect(await pod.whenReady()).toBe(true)
  expect(pod.hostPort(8080)).not.toBe(8080)
  expect(await (await fetch(pod.url(8080))).text()).toBe('app')
})

test('a crashed sidecar is restarted while the app goes on', async () => {
  const { runner, seen, journalFile } = startRunner()
  const pod = await runner.createPod({
    metadata: { name: 'crashing' },
    spec: {
      initContainers: [{ ...fake('holdfast', journalFile), restartPolicy: 'Always' }],
      containers: [fake('app', journalFile)],
    },
  })
  await pod.whenReady()
  const app = pod.container('app').pid
  const sidecar = pod.container('holdfast').pid
  pod.killContainer('holdfast')
  await seen('container-ended', { container: 'holdfast', detail: 'SIGKILL' })
  await eventually(() => pod.container('holdfast').running)
  expect(pod.container('holdfast').pid).not.toBe(sidecar)
  expect(pod.container('app').pid).toBe(app)
  expect(pod.container('app').restarts).toBe(0)
})

test('a crashed app waits for a sidecar that is not started again', async () => {
  const { runner, directory, seen, order, journalFile } = startRunner()
  const gate = path.join(directory, 'gate')
  fs.writeFileSync(gate, '')
  const sidecar = { ...fake('holdfast', journalFile), restartPolicy: 'Always' }
  const pod = await runner.createPod({
    metadata: { name: 'both' },
    spec: {
      initContainers: [{ ...sidecar, startupProbe: untilFile(gate) }],
      containers: [fake('app', journalFile)],
    },
  })
  await pod.whenReady()
  fs.rmSync(gate)
  pod.killContainer('holdfast')
  await seen('container-ended', { container: 'holdfast' })
  pod.killContainer('app')
  await seen('back-off', { container: 'app' })
  await seen('probe-failed', { container: 'holdfast' })
  expect(order().filter((line) => line === 'app container-started')).toHaveLength(1)
  fs.writeFileSync(gate, '')
  await pod.whenReady()
  expect(order().filter((line) => line === 'app container-started')).toHaveLength(2)
})

test('beside another app that lives, a crashed one does not wait for the sidecar', async () => {
  const { runner, directory, seen, journalFile } = startRunner()
  const gate = path.join(directory, 'gate')
  fs.writeFileSync(gate, '')
  const sidecar = { ...fake('holdfast', journalFile), restartPolicy: 'Always' }
  const pod = await runner.createPod({
    metadata: { name: 'two' },
    spec: {
      initContainers: [{ ...sidecar, startupProbe: untilFile(gate) }],
      containers: [fake('app', journalFile), fake('other', journalFile)],
    },
  })
  await pod.whenReady()
  fs.rmSync(gate)
  pod.killContainer('holdfast')
  await seen('container-ended', { container: 'holdfast' })
  pod.killContainer('app')
  await eventually(() => pod.container('app').restarts === 1 && pod.container('app').running)
  expect(pod.container('holdfast').started).toBe(false)
})

test('what the runner has not is refused in one sentence, and nothing is started', async () => {
  const { runner, directory, events, journalFile } = startRunner()
  const app = fake('app', journalFile)
  const refuse = async (spec: object, sentence: RegExp) => {
    const pod = { metadata: { name: 'refused' }, spec: { containers: [app], ...spec } }
    await expect(runner.createPod(pod)).rejects.toThrow(sentence)
    await expect(runner.createPod(pod)).rejects.toThrow(UsageError)
  }
  await refuse({ volumes: [{ name: 'node', hostPath: { path: '/' } }] }, /no other volumes/)
  await refuse({ volumes: [{ name: 'c', configMap: { name: 'c' } }] }, /no other volumes/)
  await refuse({ containers: [{ ...app, image: 'none:1' }] }, /no image none:1 here/)
  await refuse({ containers: [{ ...app, livenessProbe: {} }] }, /no livenessProbe/)
  const probe = { tcpSocket: { port: 1 } }
  await refuse({ containers: [{ ...app, startupProbe: probe }] }, /allowed are exec and httpGet/)
  const lifecycle = { preStop: { sleep: { seconds: 1 } } }
  await refuse({ containers: [{ ...app, lifecycle }] }, /allowed is exec/)
  await refuse({ restartPolicy: 'Never' }, /allowed is Always/)
  await refuse(
    { containers: [{ ...app, envFrom: [{ secretRef: { name: 's3' } }] }] },
    /there is no Secret s3/,
  )
  const volumes = [{ name: 'a', emptyDir: {} }]
  const volumeMounts = [
    { name: 'a', mountPath: '/data' },
    { name: 'a', mountPath: '/data/inner' },
  ]
  await refuse({ volumes, containers: [{ ...app, volumeMounts }] }, /no nested mounts/)
  expect(events).toEqual([])
  expect(fs.readdirSync(path.join(directory, 'pods'))).toEqual([])
})
