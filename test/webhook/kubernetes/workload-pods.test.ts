import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { workloadPods } from '../../../webhook/kubernetes/workload-pods.ts'
import { readWorkload, type Workload } from '../../../webhook/workload/workload.ts'
import { readWorkloadCase } from '../../golden/workload-case.ts'
import { ApiStandIn, json } from './api-stand-in.ts'

let server: ApiStandIn

beforeAll(async () => {
  server = await ApiStandIn.start()
})
afterAll(() => server.close())

function workload(selector: object | null): Workload {
  const { object } = readWorkloadCase('declared')
  const { spec } = object as unknown as { spec: object }
  return readWorkload('Deployment', { ...object, spec: { ...spec, selector } }) as Workload
}

describe('the pods of a workload', () => {
  it('are asked for by its selector, and tell who their containers run as', async () => {
    const user = { linux: { uid: 1234, gid: 99, supplementalGroups: [99] } }
    const status = {
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ name: 'shop', user }, { name: 'old-kubelet' }],
      initContainerStatuses: [{ name: 'mesh', user: { linux: null } }],
    }
    server.answer = (response) =>
      json(response, 200, {
        items: [
          { metadata: { name: 'a' }, status },
          { metadata: { name: 'b', deletionTimestamp: '2026-11-20T14:15:00Z' }, status: {} },
        ],
      })
    const selector = {
      matchLabels: { app: 'shop' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['a', 'b'] },
        { key: 'canary', operator: 'DoesNotExist' },
        { key: 'team', operator: 'Exists' },
      ],
    }
    const pods = await workloadPods(server.api()).podsOf('shop', workload(selector))
    expect(pods).toEqual([
      {
        name: 'a',
        ready: true,
        terminating: false,
        users: new Map([['shop', { uid: 1234, gid: 99 }]]),
      },
      { name: 'b', ready: false, terminating: true, users: new Map() },
    ])
    const { searchParams, pathname } = new URL(server.seen.at(-1)?.url ?? '', server.url)
    expect(pathname).toBe('/api/v1/namespaces/shop/pods')
    expect(searchParams.get('labelSelector')).toBe('app=shop,tier in (a,b),!canary,team')
  })

  it('are not all pods of the namespace where it has no selector', async () => {
    const before = server.seen.length
    for (const selector of [null, {}])
      expect(await workloadPods(server.api()).podsOf('shop', workload(selector))).toEqual([])
    expect(server.seen.length).toBe(before)
  })
})
