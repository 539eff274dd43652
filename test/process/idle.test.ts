/** What an agent costs the store: nothing at rest, one PUT for a small change however often it has to look. */
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { watchDirectories } from '../../agent/capture/directory-watcher.ts'
import { AppState } from '../../agent/session/app-state.ts'
import type { Context } from '../../agent/session/context.ts'
import { newWriter } from '../../agent/session/identity.ts'
import { LogWriter } from '../../agent/session/log-writer.ts'
import type { Replicator } from '../../agent/session/replicator.ts'
import { runSession } from '../../agent/session/session.ts'
import { Status } from '../../agent/session/status.ts'
import { layoutOfAssignment } from '../../agent/volume/layout.ts'
import { systemClock } from '../../shared/clock.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { createPod } from '../support/agent-pod.ts'
import { startCountingProxy } from '../support/counting-proxy.ts'
import { isShipped, viewRepository } from '../support/repository-view.ts'
import { freshS3Url, s3Environment } from '../support/s3-url.ts'

const STREAM = { namespace: 'market', app: 'shop', slot: '0' }

async function proxiedCeph() {
  const store = freshS3Url()
  const proxy = await startCountingProxy(s3Environment()['AWS_ENDPOINT_URL_S3'] ?? '')
  onTestFinished(proxy.stop)
  const view = await viewRepository(store)
  const env = { ...s3Environment(), AWS_ENDPOINT_URL_S3: proxy.endpoint }
  return { store, proxy, view, env }
}

/** The agent's session within this process. `looks` counts the pictures, `rests` how often it said that it rests. */
async function startSession(store: string, endpoint: string, rescanMs?: number) {
  const pod = await createPod({ store })
  pod.write('a', 'one')
  const patience = { clock: systemClock }
  const direct = process.env['AWS_ENDPOINT_URL_S3']
  process.env['AWS_ENDPOINT_URL_S3'] = endpoint
  const objects = await openStore(store)
  process.env['AWS_ENDPOINT_URL_S3'] = direct
  const identity = newWriter({ name: 'shop-0', uid: pod.uid, node: '' }, 0)
  const state = new AppState(layoutOfAssignment(pod.assignment, pod.root), systemClock)
  const status = new Status()
  const context: Context = {
    store: objects,
    writer: new LogWriter(new VersionLog(objects, STREAM, patience), identity, patience),
    state,
    facts: { roots: [{ path: '/data', as: 'files' }], images: [], templateHash: null },
    patience,
    status,
    step: () => undefined,
    request: undefined,
    whenEmpty: 'resume',
    exclusive: true,
    claimedAt: null,
    podState: () => Promise.resolve(undefined),
    letGoIn: () => undefined,
    stopping: new AbortController().signal,
  }
  const seen = { looks: 0, rests: 0 }
  let replicator: Replicator | undefined
  const ended = runSession(context, {
    withinMs: 200,
    ...(rescanMs !== undefined && { rescanMs }),
    watch: () => watchDirectories(() => undefined),
    take: (held, packs) => {
      seen.looks += 1
      return state.take(held, packs)
    },
    atRest: () => (seen.rests += 1),
    onReplicating: (running) => {
      replicator = running
    },
  })
  const stop = async () => {
    replicator?.stop()
    await ended
  }
  return { pod, state, status, seen, stop }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10)
}

test('an agent at rest looks again and again and asks the store nothing; a small change is one PUT', async () => {
  const { store, proxy } = await proxiedCeph()
  const { pod, state, status, seen, stop } = await startSession(store, proxy.endpoint, 20)
  const rests = () => status.facts.unshippedSinceMs === undefined && state.doubtful === 0
  await until(() => status.facts.lastVersion > 0 && rests())

  const before = { requests: proxy.requests.length, looks: seen.looks }
  await until(() => seen.looks > before.looks + 30)
  expect(proxy.requests.slice(before.requests)).toEqual([])

  const { lastVersion } = status.facts
  for (let file = 0; file < 20; file += 1) fs.writeFileSync(path.join(pod.data, `f${file}`), 'new')
  await until(() => status.facts.lastVersion > lastVersion && rests())
  const made = status.facts.lastVersion - lastVersion
  const asked = proxy.requests.slice(before.requests)
  expect(asked.filter((line) => line.startsWith('PUT '))).toHaveLength(made)
  expect(asked).toHaveLength(made)
  await stop()
})

test('an agent gives memory back once it rests: after what it shipped, and after each later change', async () => {
  const { store, proxy } = await proxiedCeph()
  const { pod, status, seen, stop } = await startSession(store, proxy.endpoint)
  await until(() => seen.rests > 0)
  expect(status.facts.lastVersion).toBeGreaterThan(0)
  const { lastVersion } = status.facts
  pod.write('b', 'another')
  await until(() => status.facts.lastVersion > lastVersion)
  const before = seen.rests
  await until(() => seen.rests > before)
  await stop()
})

test('a real agent sends one request for each version while it runs, and none besides', async () => {
  const { store, proxy, view, env } = await proxiedCeph()
  const pod = await createPod({ store, env })
  pod.write('a', 'one')
  const agent = pod.start()
  await isShipped(agent, pod, view)
  const before = { requests: proxy.requests.length, newest: await view.newest() }
  for (let n = 0; n < 5; n += 1) {
    pod.write(`b${n}`, 'another')
    await isShipped(agent, pod, view)
  }
  // Files that were read soon after their change are looked at once more: for that, too, nothing is asked.
  await agent.until('all is shipped', async () => (await agent.health()).lagSeconds === 0)
  const made = (await view.newest()) - before.newest
  expect(proxy.requests.slice(before.requests)).toHaveLength(made)
})
