import { expect, test } from 'vitest'
import { createReplicaSet, type UnnamedPod } from '../../../demo/pod-runner/replica-set.ts'
import { fake, startRunner } from './runner-fixture.ts'

const template = (journal: string, image = 'fake:1', onTerm: string | number = 'exit') => ({
  metadata: { labels: { app: 'shop' } },
  spec: { containers: [{ ...fake('app', journal, onTerm), image }] },
})
const admitAll = (pod: UnnamedPod) => Promise.resolve(pod)

test('a pod reaches the admission without a name, and gets one with a uid after it', async () => {
  const { runner, journalFile } = startRunner()
  const seen: UnnamedPod[] = []
  const set = await createReplicaSet(runner, {
    name: 'shop',
    namespace: 'demo',
    template: template(journalFile),
    admit: (pod) => {
      seen.push(structuredClone(pod))
      pod.metadata.annotations = { admitted: 'yes' }
      return Promise.resolve(pod)
    },
  })
  const hash = seen[0]?.metadata.labels?.['pod-template-hash']
  expect(seen[0]?.metadata).toEqual({
    generateName: `shop-${hash}-`,
    namespace: 'demo',
    labels: { app: 'shop', 'pod-template-hash': hash },
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: `shop-${hash}`,
        uid: expect.any(String) as string,
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  })
  const { metadata } = set.pod.spec
  expect(metadata.name).toMatch(new RegExp(`^shop-${hash}-[a-z2-9]{5}$`))
  expect(metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
  expect(metadata.annotations).toEqual({ admitted: 'yes' })
  await set.stop()
  expect(runner.pods.size).toBe(0)
})

test('a deleted pod is replaced while the old one still ends', async () => {
  const { runner, events, journalFile } = startRunner()
  const set = await createReplicaSet(runner, {
    name: 'shop',
    namespace: 'demo',
    template: template(journalFile, 'fake:1', 500),
    admit: admitAll,
  })
  const old = set.pod
  await old.whenReady()
  const deleted = old.delete()
  const next = await set.replacementOf(old)
  expect(await next.whenReady()).toBe(true)
  expect(old.phase).toBe('terminating')
  expect(next.spec.metadata.labels).toEqual(old.spec.metadata.labels)
  await deleted
  const index = (what: string, pod: string) =>
    events.findIndex((event) => event.what === what && event.pod === pod)
  expect(index('pod-created', next.name)).toBeGreaterThan(index('terminating', old.name))
  expect(index('container-started', next.name)).toBeLessThan(index('pod-gone', old.name))
})

test('a lost pod is replaced', async () => {
  const { runner, journalFile } = startRunner()
  const set = await createReplicaSet(runner, {
    name: 'shop',
    namespace: 'demo',
    template: template(journalFile),
    admit: admitAll,
  })
  const old = set.pod
  await old.kill()
  const next = await set.replacementOf(old)
  expect(next.spec.metadata.uid).not.toBe(old.spec.metadata.uid)
  expect(await next.whenReady()).toBe(true)
})

test('a rollout waits for the end of every old pod, also of one that was already replaced', async () => {
  const { runner, events, journalFile } = startRunner()
  const set = await createReplicaSet(runner, {
    name: 'shop',
    namespace: 'demo',
    template: template(journalFile, 'fake:1', 500),
    admit: admitAll,
  })
  const first = set.pod
  await first.whenReady()
  void first.delete()
  const second = await set.replacementOf(first)
  await second.whenReady()
  const third = await set.rollOut(template(journalFile, 'fake:2'))
  const kinds = events
    .filter(({ what }) => what === 'pod-created' || what === 'pod-gone')
    .map(({ what }) => what)
  expect(kinds).toEqual(['pod-created', 'pod-created', 'pod-gone', 'pod-gone', 'pod-created'])
  expect(set.pod).toBe(third)
  expect(third.spec.spec.containers[0]?.image).toBe('fake:2')
  const hashOf = (pod: typeof first) => pod.spec.metadata.labels['pod-template-hash']
  expect(hashOf(second)).toBe(hashOf(first))
  expect(hashOf(third)).not.toBe(hashOf(first))
  expect(await set.rollOut(template(journalFile, 'fake:2'))).toBe(third)
})

test('a refused rollout says so and leaves no pod; a refused replacement is tried again', async () => {
  const { runner, seen, journalFile } = startRunner()
  let refusals = 0
  const set = await createReplicaSet(runner, {
    name: 'shop',
    namespace: 'demo',
    template: template(journalFile),
    admit: (pod) => {
      if (JSON.stringify(pod.spec).includes('fake:2')) throw new Error('no version v9')
      if (refusals-- > 0) throw new Error('the webhook is down')
      return Promise.resolve(pod)
    },
  })
  const old = set.pod
  refusals = 2
  await old.delete()
  expect((await seen('create-failed')).detail).toContain('the webhook is down')
  const next = await set.replacementOf(old)
  expect(await next.whenReady()).toBe(true)
  await expect(set.rollOut(template(journalFile, 'fake:2'))).rejects.toThrow('no version v9')
  expect(runner.pods.size).toBe(0)
  expect(await (await set.rollOut(template(journalFile))).whenReady()).toBe(true)
})

test('a runner that is closed replaces nothing', async () => {
  const { runner, events, journalFile } = startRunner()
  const set = await createReplicaSet(runner, {
    name: 'shop',
    namespace: 'demo',
    template: template(journalFile),
    admit: admitAll,
  })
  await set.pod.whenReady()
  await runner.close()
  expect(events.filter(({ what }) => what === 'pod-created')).toHaveLength(1)
  await expect(runner.createPod(set.pod.spec)).rejects.toThrow(/runner is closed/)
})
