import * as fc from 'fast-check'
import jsonPatch from 'fast-json-patch'
import { describe, expect, it } from 'vitest'
import { ENV, KEY, SIDECAR_NAME, parseAssignment } from '../../../shared/sidecar-contract.ts'
import { inject } from '../../../webhook/inject/inject.ts'
import type { InjectionContext } from '../../../webhook/inject/injection-context.ts'
import { podPatch } from '../../../webhook/inject/pod-patch.ts'
import { Refusal } from '../../../webhook/inject/refusal.ts'
import type { Container, Pod } from '../../../webhook/inject/pod.ts'
import { SERVICE, readCase } from '../../golden/admission-case.ts'
import { randomPod } from './random-pod.ts'

const LENIENT: InjectionContext = {
  namespace: 'shop',
  facts: {
    policy: 'allow: {exec: true, hostPath: true, rootAgent: true, images: true}',
    restricted: false,
  },
  service: SERVICE,
  resolved: { version: 42, images: [{ container: 'c0', image: 'shop:1.4', digest: 'sha256:1' }] },
}

function injected(object: unknown, context: InjectionContext): Pod {
  const result = inject(object, context)
  if (result instanceof Refusal) throw result
  return result.pod as Pod
}

function sidecarOf(pod: Pod): Container {
  const all = (pod.spec.initContainers ?? []).filter((one) => one.name === SIDECAR_NAME)
  expect(all).toHaveLength(1)
  return all[0] as Container
}

function assignmentOf(pod: Pod) {
  const text = sidecarOf(pod).env?.find((one) => one.name === ENV.assignment)?.value ?? ''
  return parseAssignment(text.replaceAll('$$', () => '$'))
}

/** The pod without what injection may change. */
function untouchedPart(pod: Pod): unknown {
  const { spec, metadata, ...rest } = structuredClone(pod)
  const { initContainers = [], volumes = [], containers, ...others } = spec
  delete others.terminationGracePeriodSeconds
  delete others.resources
  const written = [KEY.injected, KEY.slot, 'kubectl.kubernetes.io/default-container']
  for (const key of written) delete metadata.annotations?.[key]
  const own = (initContainers ?? []).filter((one) => one.name !== SIDECAR_NAME)
  return {
    ...rest,
    metadata,
    others,
    volumes: volumes?.filter((one) => one.name !== 'holdfast-pod'),
    containers: [...containers, ...own].map(({ image: _image, ...one }) => one),
  }
}

describe('inject, on any pod', () => {
  it('is the same again on its own result, keeps what it does not know, and its patch does it', () => {
    let count = 0
    fc.assert(
      fc.property(randomPod, (pod) => {
        const before = structuredClone(pod)
        const once = inject(pod, LENIENT)
        expect(pod).toEqual(before)
        if (once instanceof Refusal) {
          expect(once.message).not.toMatch(/undefined|\[object|null/)
          return
        }
        count++
        expect(injected(once.pod, LENIENT)).toEqual(once.pod)
        expect(untouchedPart(once.pod as Pod)).toEqual(untouchedPart(pod as unknown as Pod))
        expect(assignmentOf(once.pod as Pod).injected).toBe(
          (once.pod as Pod).metadata.annotations?.[KEY.injected],
        )
        const patched = jsonPatch.applyPatch(before, podPatch(pod, once.pod as object)).newDocument
        expect(patched).toEqual(once.pod)
      }),
      { numRuns: 2000 },
    )
    expect(count).toBeGreaterThan(100)
  })

  it('refuses what is no pod, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (metadata, spec) => {
        const asks = { annotations: { [KEY.state]: '/data' } }
        const result = inject({ metadata: { ...(metadata as object), ...asks }, spec }, LENIENT)
        expect(result).toBeInstanceOf(Refusal)
      }),
    )
    for (const odd of [null, 5, 'x', [], {}, { metadata: null }])
      expect(inject(odd, LENIENT)).toEqual({ pod: odd, warnings: [] })
  })
})

describe('inject', () => {
  const deployment = readCase('deployment-emptydir')

  it('answers the object itself where a pod asks for nothing', () => {
    const { pod, context } = readCase('without-declaration')
    expect(inject(pod, context)).toEqual({ pod, warnings: [] })
    expect((inject(pod, context) as { pod: unknown }).pod).toBe(pod)
  })

  it('gives the sidecar no probe but the startup probe, no emptyDir and no ephemeral storage', () => {
    const pod = injected(deployment.pod, deployment.context)
    const text = JSON.stringify(sidecarOf(pod))
    expect(text).not.toMatch(/livenessProbe|readinessProbe|ephemeral-storage/)
    const added = pod.spec.volumes?.slice((deployment.pod as Pod).spec.volumes?.length)
    expect(added?.map(({ name, ...source }) => [name, Object.keys(source)])).toEqual([
      ['holdfast-pod', ['projected']],
    ])
  })

  it('hands the declaration over literally: the kubelet expands nothing in it', () => {
    const pod = structuredClone(deployment.pod) as Pod
    pod.metadata.annotations = {
      [KEY.state]: '[{path: /var/lib/shop, exclude: ["$(HOSTNAME)", "$$(x)", a$$b]}]',
    }
    const after = injected(pod, deployment.context)
    const literal = sidecarOf(after).env?.[0]?.value ?? ''
    // As the kubelet expands a value: "$$" is "$", "$(NAME)" is the variable.
    const expanded = literal.replaceAll(/\$\$|\$\((\w+)\)/g, (match) =>
      match === '$$' ? '$' : 'X',
    )
    expect(parseAssignment(expanded).paths[0]?.exclude).toEqual(['$(HOSTNAME)', '$$(x)', 'a$$b'])
  })

  it('has one injected value for a pod and another for its copy under another name', () => {
    const bare = readCase('bare-pod')
    const copy = structuredClone(bare.pod) as Pod
    copy.metadata.name = 'notebook-debug'
    copy.metadata.annotations![KEY.state] = '{app: notebook, paths: [/home/jovyan/work]}'
    const [first, second] = [bare.pod, copy].map((pod) => injected(pod, bare.context)) as [Pod, Pod]
    expect(assignmentOf(first).injected).not.toBe(assignmentOf(second).injected)
  })

  it('has one template hash for all pods of a template, whatever their image', () => {
    const { pod, context } = readCase('statefulset-pvc')
    const other = JSON.parse(
      JSON.stringify(pod).replaceAll('ledger-2', 'ledger-7').replaceAll('x7k2p', 'q9w8e'),
    ) as Pod
    other.metadata.labels!['apps.kubernetes.io/pod-index'] = '7'
    other.spec.containers[0]!.image = 'registry.example:5000/team/ledger:3.0'
    other.spec.nodeName = 'node-1'
    const hash = (one: unknown) => assignmentOf(injected(one, context)).templateHash
    expect(hash(other)).toBe(hash(pod))
    other.spec.containers[0]!.env = [{ name: 'A', value: 'b' }]
    expect(hash(other)).not.toBe(hash(pod))
  })

  it('grows the grace period once, and again only when someone set it anew', () => {
    const once = injected(deployment.pod, deployment.context)
    expect(once.spec.terminationGracePeriodSeconds).toBe(60)
    once.spec.terminationGracePeriodSeconds = 100
    const twice = injected(once, deployment.context)
    expect(twice.spec.terminationGracePeriodSeconds).toBe(130)
    expect(assignmentOf(twice).graceSeconds).toBe(130)
  })

  it('refuses a pinned pod whose pin nobody resolved', () => {
    const { pod, context } = readCase('pinned-fresh')
    expect(inject(pod, { ...context, resolved: null })).toMatchObject({ code: 503 })
  })
})
