/** What the pins of running pods mean is kept once, and then nobody has to ask the store. */
import { describe, expect, it } from 'vitest'
import { HoldfastError, NotFoundError } from '../../../shared/errors.ts'
import { parsePin } from '../../../shared/pin.ts'
import { KEY } from '../../../shared/sidecar-contract.ts'
import { keptFirst } from '../../../webhook/admission/kept-pins.ts'
import { PinKeeper, wantedOf } from '../../../webhook/controller/pin-keeper.ts'
import type { PodFacts } from '../../../webhook/controller/pod-facts.ts'
import type { PinResolver, ResolvedPin } from '../../../webhook/inject/pin-resolver.ts'
import { keptPins } from '../../../webhook/kubernetes/kept-pins.ts'
import type { ClusterApi } from '../../../webhook/kubernetes/cluster-api.ts'
import { ConflictError, MissingObjectError } from '../../../webhook/kubernetes/cluster-error.ts'
import { VirtualTime } from '../../support/virtual-time.ts'
import { podFacts } from './reports.ts'

const V42: ResolvedPin = {
  version: 42,
  images: [{ container: 'shop', image: 'shop:1.4', digest: 'sha256:abc' }],
  bytes: 7,
  templateHash: 'hash',
}
const STREAM = { namespace: 'shop', app: 'shop', slot: '0', store: 's3://continuity/prod' }

interface ConfigMap {
  metadata: { resourceVersion: string; name?: string; ownerReferences?: object[] }
  data: Record<string, string>
}

/** ConfigMaps by name, as the API server keeps them. */
function configMaps(): ClusterApi & { readonly maps: Map<string, ConfigMap> } {
  const maps = new Map<string, ConfigMap>()
  return {
    maps,
    async call({ verb, resource, name = '', body }) {
      if (resource.plural === 'namespaces') {
        if (name !== 'shop') throw new MissingObjectError('it has gone')
        return { metadata: { uid: 'uid of shop' } }
      }
      const sent = body as ConfigMap
      if (verb === 'create') {
        const key = sent.metadata.name as string
        if (maps.has(key)) throw new ConflictError('it exists')
        maps.set(key, { ...sent, metadata: { ...sent.metadata, resourceVersion: '1' } })
        return sent
      }
      const found = maps.get(name)
      if (found === undefined) throw new MissingObjectError('there is none')
      if (verb === 'get') return structuredClone(found)
      if (sent.metadata.resourceVersion !== found.metadata.resourceVersion)
        throw new ConflictError('another version')
      const resourceVersion = String(Number(found.metadata.resourceVersion) + 1)
      maps.set(name, { metadata: { resourceVersion }, data: { ...found.data, ...sent.data } })
      return found
    },
    async *watch() {},
  }
}

function ask(resolve: PinResolver): Promise<ResolvedPin> {
  return resolve(STREAM, parsePin('v42'), 'v42', 'again')
}

function pinned(pin: string, marks = {}, restoreRequest: string | null = null): PodFacts {
  return podFacts({ admitted: { ...podFacts().admitted!, pin, restoreRequest }, marks })
}

function unexpected(error: unknown): void {
  expect.unreachable(String(error))
}

describe('an answer', () => {
  it('goes with the namespace of its app', async () => {
    const api = configMaps()
    const kept = keptPins(api, 'holdfast-system')
    await kept.keep({ ...STREAM, namespace: 'gone' }, 'v42', V42)
    await kept.keep(STREAM, 'v42', V42)
    expect([...api.maps.values()].map(({ metadata }) => metadata.ownerReferences)).toEqual([
      [{ apiVersion: 'v1', kind: 'Namespace', name: 'shop', uid: 'uid of shop' }],
    ])
  })

  it('is kept by app, slot, store and request, and stands', async () => {
    const api = configMaps()
    const kept = keptPins(api, 'holdfast-system')
    expect(await kept.read(STREAM, 'v42')).toBeUndefined()
    await kept.keep(STREAM, 'v42', V42)
    await kept.keep(STREAM, 'v42', { version: 1, images: [] })
    const any = { ...STREAM, slot: null }
    await kept.keep(any, 'v42', { version: 41, images: [] })
    expect(await kept.read(STREAM, 'v42')).toEqual(V42)
    expect(await kept.read(any, 'v42')).toEqual({ version: 41, images: [] })
    expect(await kept.read(STREAM, 'v42/again')).toBeUndefined()
    expect(await kept.read({ ...STREAM, store: 's3://other' }, 'v42')).toBeUndefined()
    expect(await kept.read({ ...STREAM, app: 'cart' }, 'v42')).toBeUndefined()
    expect(api.maps.size).toBe(1)
  })

  it('makes room for newer ones, and is nothing where it does not read', async () => {
    const api = configMaps()
    const kept = keptPins(api, 'holdfast-system')
    for (const version of [1, 2, 3]) await kept.keep(STREAM, `v${version}`, { version, images: [] })
    const known = await Promise.all(['v1', 'v2', 'v3'].map((one) => kept.read(STREAM, one)))
    expect(known.map((one) => one?.version)).toEqual([undefined, 2, 3])
    for (const garbage of ['{', '{}', '[{"request":"v3"}]']) {
      for (const map of api.maps.values()) map.data['0'] = garbage
      expect(await kept.read(STREAM, 'v3')).toBeUndefined()
    }
  })
})

describe('admission', () => {
  it('asks the store only for what is not kept, or cannot be read', async () => {
    const errors: unknown[] = []
    const asked: string[] = []
    const store: PinResolver = async (_stream, _pin, pinText) => {
      asked.push(pinText)
      return V42
    }
    const kept = keptPins(configMaps(), 'holdfast-system')
    const resolve = keptFirst(kept, store, (error) => errors.push(error))
    expect(await ask(resolve)).toEqual(V42)
    await kept.keep(STREAM, 'v42/again', V42)
    expect(await ask(resolve)).toEqual(V42)
    expect(asked).toEqual(['v42'])
    const broken = { read: () => Promise.reject(new HoldfastError('away')) }
    expect(await ask(keptFirst(broken, store, (error) => errors.push(error)))).toEqual(V42)
    expect(asked).toEqual(['v42', 'v42'])
    expect(errors).toHaveLength(1)
  })
})

describe('the leader', () => {
  it.each([
    ['v42', {}, true],
    ['before-upgrade', {}, true],
    ['latest', {}, false],
    ['20261120T141500Z', {}, false],
    ['latest', { [KEY.restored]: 'latest=v42' }, true],
    ['latest', { [KEY.restored]: 'latest/other=v42' }, false],
    ['fresh', { [KEY.restored]: 'fresh=nothing' }, false],
    ['?', {}, false],
  ])('keeps what %s means where the annotations are %o: %s', (pin, marks, isWanted) => {
    expect(wantedOf(pinned(pin, marks)) !== undefined).toBe(isWanted)
  })

  it('keeps it once, by the store, for as long as that takes', async () => {
    const time = new VirtualTime()
    const kept = keptPins(configMaps(), 'holdfast-system')
    const errors: unknown[] = []
    let asked = 0
    const resolve: PinResolver = async () => {
      asked += 1
      if (time.nowMs < 30_000) throw new HoldfastError('the store does not answer')
      return V42
    }
    const onError = (error: unknown) => errors.push(error)
    const keeper = new PinKeeper({ kept, resolve, clock: time.clock, onError })
    const { signal } = new AbortController()
    for (let change = 0; change < 3; change += 1) keeper.see(pinned('v42', {}, 'again'), signal)
    await time.pass(120_000)
    expect(await kept.read(STREAM, 'v42/again')).toEqual(V42)
    expect(errors).toHaveLength(asked - 1)
    keeper.see(pinned('v42', {}, 'again'), new AbortController().signal)
    const before = asked
    await time.pass(1000)
    expect(asked).toBe(before)
  })

  it('lets go of a version that is not there any more', async () => {
    const time = new VirtualTime()
    let asked = 0
    const resolve: PinResolver = () => {
      asked += 1
      return Promise.reject(new NotFoundError('pruned'))
    }
    const kept = keptPins(configMaps(), 'holdfast-system')
    const keeper = new PinKeeper({ kept, resolve, clock: time.clock, onError: unexpected })
    keeper.see(pinned('v42'), new AbortController().signal)
    await time.pass(600_000)
    expect(asked).toBe(1)
  })
})
