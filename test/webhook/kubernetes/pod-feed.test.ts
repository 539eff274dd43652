/** The pods of a cluster as the leader sees them: in pages, from where it was, and anew where that is forgotten. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../shared/clock.ts'
import type { PodChange } from '../../../webhook/controller/pod-feed.ts'
import { ClusterUnreachableError } from '../../../webhook/kubernetes/cluster-error.ts'
import { podFeed } from '../../../webhook/kubernetes/pod-feed.ts'
import { ApiStandIn, json, type Seen } from './api-stand-in.ts'

let server: ApiStandIn
beforeEach(async () => {
  server = await ApiStandIn.start()
})
afterEach(() => server.close())

function pod(name: string, resourceVersion: string, annotations: object = DECLARES): object {
  return {
    metadata: { namespace: 'shop', name, uid: `uid-${name}`, resourceVersion, annotations },
    spec: { containers: [{ name: 'app', image: 'shop:1.4' }] },
    status: { phase: 'Running' },
  }
}
const DECLARES = { 'holdfast.dev/state': '/data' }

/** Each answer once, in this order; a watch stays open unless it says otherwise. */
type Step =
  | { list: object[]; version: string; next?: string }
  | { watch: object[]; end?: boolean }
  | { status: number }

function answerWith(steps: Step[]): void {
  server.answer = (response) => {
    const step = steps.shift()
    if (step === undefined) return
    if ('status' in step) return json(response, step.status, { message: 'it says' })
    if ('list' in step) {
      const metadata = { resourceVersion: step.version, continue: step.next }
      return json(response, 200, { metadata, items: step.list })
    }
    response.writeHead(200)
    response.write(step.watch.map((line) => `${JSON.stringify(line)}\n`).join(''))
    if (step.end === true) response.end()
  }
}

interface Followed {
  readonly said: string[]
  readonly reached: string[]
  readonly errors: unknown[]
}

/** What was seen until `count` changes came. */
async function follow(count: number): Promise<Followed> {
  const stop = new AbortController()
  const followed: Followed = { said: [], reached: [], errors: [] }
  const onError = (error: unknown) => followed.errors.push(error)
  for await (const change of podFeed(server.api(), systemClock).follow(stop.signal, onError)) {
    if (change.kind === 'reached') followed.reached.push(change.version)
    else followed.said.push(wordsOf(change))
    if (followed.said.length === count) stop.abort()
  }
  return followed
}

function wordsOf(change: Exclude<PodChange, { kind: 'reached' }>): string {
  if (change.kind === 'all') return `all ${change.pods.map(({ name }) => name).join(' ')}`
  return `${change.kind} ${change.pod.name} ${change.pod.resourceVersion}`
}

const asked = ({ url }: Seen) => url.replace('/api/v1/pods?', '')

describe('the leader', () => {
  it('lists all pods in pages, keeps those that Holdfast has to do with, and watches from there', async () => {
    answerWith([
      { list: [pod('a', '1'), pod('x', '2', {})], version: '9', next: 'more' },
      { list: [pod('b', '3')], version: '10' },
      {
        watch: [
          { type: 'ADDED', object: pod('c', '11') },
          { type: 'MODIFIED', object: pod('x', '12', {}) },
          { type: 'DELETED', object: pod('a', '13') },
        ],
      },
    ])
    const { said, errors } = await follow(3)
    expect(said).toEqual(['all a b', 'is c 11', 'gone a 13'])
    expect(errors).toEqual([])
    expect(server.seen.map(asked)).toEqual([
      'limit=500',
      'limit=500&continue=more',
      'resourceVersion=10&allowWatchBookmarks=true&timeoutSeconds=300&watch=true',
    ])
  })

  it('goes on from where it was, of which a bookmark tells, too', async () => {
    const bookmark = { metadata: { resourceVersion: '40' } }
    answerWith([
      { list: [], version: '10' },
      {
        watch: [
          { type: 'ADDED', object: pod('a', '11') },
          { type: 'BOOKMARK', object: bookmark },
        ],
        end: true,
      },
      { watch: [{ type: 'ADDED', object: pod('b', '41') }] },
    ])
    const { said, reached } = await follow(3)
    expect(said).toEqual(['all ', 'is a 11', 'is b 41'])
    expect(reached).toEqual(['10', '11', '40', '41'])
    expect(asked(server.seen.at(-1)!)).toContain('resourceVersion=40&')
  })

  it.each([
    ['an answer', { status: 410 }],
    [
      'a line of the watch',
      { watch: [{ type: 'ERROR', object: { code: 410, message: 'too old' } }] },
    ],
  ] as const)('lists anew where %s says that it is too long ago', async (_how, step) => {
    answerWith([
      { list: [pod('a', '1')], version: '10' },
      step as Step,
      { list: [pod('b', '20')], version: '21' },
      { watch: [{ type: 'DELETED', object: pod('b', '22') }] },
    ])
    const { said, errors } = await follow(3)
    expect(said).toEqual(['all a', 'all b', 'gone b 22'])
    expect(errors).toEqual([])
  })

  it('tries again where the API server is away, and tells', async () => {
    answerWith([
      { status: 503 },
      { list: [pod('a', '1')], version: '10' },
      { status: 503 },
      { watch: [{ type: 'ADDED', object: pod('b', '11') }] },
    ])
    const { said, errors } = await follow(2)
    expect(said).toEqual(['all a', 'is b 11'])
    expect(errors).toEqual([
      expect.any(ClusterUnreachableError),
      expect.any(ClusterUnreachableError),
    ])
  })
})

async function goneSince(version: string): Promise<string[]> {
  const { signal } = new AbortController()
  const names: string[] = []
  for await (const { name } of podFeed(server.api(), systemClock).goneSince(version, signal))
    names.push(name)
  return names
}

describe('who leads next', () => {
  it('is told which pods went since then, and of nothing else', async () => {
    const watch = [
      { type: 'MODIFIED', object: pod('a', '31') },
      { type: 'DELETED', object: pod('b', '32') },
      { type: 'DELETED', object: pod('x', '33', {}) },
      { type: 'BOOKMARK', object: { metadata: { resourceVersion: '40' } } },
    ]
    answerWith([{ watch, end: true }])
    expect(await goneSince('30')).toEqual(['b'])
    expect(server.seen.map(asked)).toEqual([
      'resourceVersion=30&allowWatchBookmarks=true&timeoutSeconds=20&watch=true',
    ])
  })

  it('is told of none where the API server remembers no longer', async () => {
    answerWith([{ status: 410 }])
    expect(await goneSince('30')).toEqual([])
    const tooOld = { type: 'ERROR', object: { code: 410, message: 'too old' } }
    answerWith([{ watch: [{ type: 'DELETED', object: pod('b', '32') }, tooOld] }])
    expect(await goneSince('30')).toEqual(['b'])
  })

  it('hears that the API server is away', async () => {
    answerWith([{ status: 503 }])
    await expect(goneSince('30')).rejects.toThrow(ClusterUnreachableError)
  })
})
