/** What becomes of pods when they are created, with the installed webhook answering. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MARK_NAME } from '../../agent/volume/layout.ts'
import type { Manifest } from '../manifests/chart.ts'
import { tryTool } from '../support/cluster-tools.ts'
import { kubectl, refusal } from './installed.ts'
import { installHoldfast, newAppNamespace, scaleService } from './support/holdfast.ts'
import { apply, find, read, until } from './support/objects.ts'
import { exec, isReady, podsOf, readyPod, SIDECAR } from './support/pods.ts'
import { bare, deployment, IDLE, template, withEmptyDir, type Named } from './support/workloads.ts'

let namespace: string
const app = (name: string): Named => ({ namespace, name })
const sidecarOf = (pod: Manifest): Manifest =>
  ((pod.spec.initContainers ?? []) as Manifest[]).find(({ name }) => name === SIDECAR)

/** With something else in its container or its spec. */
function changed(
  name: string,
  { container = {}, spec = {} }: { container?: object; spec?: object },
) {
  const pod = withEmptyDir(template(name, IDLE))
  const [first] = pod.spec.containers
  return { ...pod, spec: { ...pod.spec, containers: [{ ...first, ...container }], ...spec } }
}

/** Declares nothing. */
function plain(name: string): Manifest {
  const { spec } = withEmptyDir(template(name, IDLE))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name } },
    spec,
  }
}

beforeAll(async () => {
  await installHoldfast()
  namespace = newAppNamespace()
})

describe('a pod that does not ask for Holdfast', () => {
  afterAll(async () => {
    scaleService(2)
    await installHoldfast()
  })

  it('is not touched with the webhook up', async () => {
    apply(plain('plain'))
    const pod = await readyPod(app('plain'))
    expect(pod.spec.initContainers).toBeUndefined()
    expect(pod.spec.volumes.map(({ name }: Manifest) => name)).toEqual([
      'data',
      expect.stringMatching(/^kube-api-access/),
    ])
  })

  it('is not delayed with it down, while one that asks is refused', async ({ task }) => {
    scaleService(0)
    await until('no replica is left', () => {
      const answer = refusal(
        bare(app('asks'), template('asks', IDLE)),
        'create',
        '--dry-run=server',
      )
      return answer?.includes('failed calling webhook') === true
    })
    const began = performance.now()
    apply(plain('undelayed'))
    task.meta.saw = `admitted in ${Math.round(performance.now() - began)} ms, kubectl included`
    await readyPod(app('undelayed'))
  })
})

describe('a pod that asks', () => {
  it('shows in a server-side dry run what it would become, and nothing is written anywhere', () => {
    expect(sidecarOf(dryRun(bare(app('dry'), template('dry', IDLE))))).toBeDefined()
    expect(find('-n', namespace, 'pod', 'dry')).toBeUndefined()
  })

  it('with generateName and no owner is asked for a lasting name', () => {
    const pod = bare(app('x'), template('x', IDLE))
    pod.metadata = { ...pod.metadata, name: undefined, generateName: 'x-' }
    const answer = refusal(pod, 'create')
    expect(answer).toMatch(/generateName "x-" and no owner has no lasting name/)
    pod.metadata.annotations = { 'holdfast.dev/state': 'app: lasting\npaths: [/data]' }
    expect(refusal(pod, 'create')).toBeUndefined()
  })

  it.for([
    ['on the pod', {}, { securityContext: { runAsUser: 1234, runAsGroup: 1235 } }, 1234],
    ['on the container', { securityContext: { runAsUser: 2345 } }, { securityContext: {} }, 2345],
    ['on both', { securityContext: { runAsUser: 2345 } }, {}, 2345],
  ] as const)(
    'runs the sidecar by the user that is set %s',
    async ([where, container, spec, uid]) => {
      const name = `user-${where.replaceAll(' ', '-')}`
      apply(bare(app(name), changed(name, { container, spec })))
      const pod = await readyPod(app(name))
      exec(pod, 'app', 'sh', '-c', 'echo x > /data/file')
      const owner = await until('the sidecar has written its mark', () =>
        exec(pod, 'app', 'stat', '-c', '%u', `/data/${MARK_NAME}`).trim(),
      )
      expect(Number(owner)).toBe(uid)
    },
  )

  it('whose user stands nowhere is refused, with what to do', () => {
    const pod = bare(app('nobody'), changed('nobody', { spec: { securityContext: {} } }))
    expect(refusal(pod, 'create')).toMatch(/holdfast.dev\/run-as/)
  })

  it('keeps what its fsGroup may read, and gives it to the group again', async () => {
    const name = 'grouped'
    const pod = changed(name, { spec: { securityContext: { runAsUser: 1000, fsGroup: 4321 } } })
    apply(bare(app(name), pod))
    const first = await readyPod(app(name))
    exec(first, 'app', 'sh', '-c', 'echo mine > /data/file && chmod 640 /data/file')
    kubectl('-n', namespace, 'delete', 'pod', name)
    apply(bare(app(name), pod))
    const second = await readyPod(app(name), first.metadata.uid)
    expect(exec(second, 'app', 'stat', '-c', '%u:%g %a', '/data/file').trim()).toBe('1000:4321 640')
  })

  it('declares a path in a subPath, and gets back that of its volume', async () => {
    const name = 'sub'
    const mount = { name: 'data', mountPath: '/data', subPath: 'inner' }
    const pod = changed(name, { container: { volumeMounts: [mount] } })
    apply(bare(app(name), pod))
    const first = await readyPod(app(name))
    exec(first, 'app', 'sh', '-c', 'echo sub > /data/file')
    kubectl('-n', namespace, 'delete', 'pod', name)
    apply(bare(app(name), pod))
    const second = await readyPod(app(name), first.metadata.uid)
    expect(exec(second, 'app', 'cat', '/data/file')).toBe('sub\n')
  })

  it('mounts its state for reading alone: refused, since it could not be restored', () => {
    const mount = { name: 'data', mountPath: '/data', readOnly: true }
    const pod = bare(app('read'), changed('read', { container: { volumeMounts: [mount] } }))
    expect(refusal(pod, 'create')).toMatch(/read-?only/i)
  })

  it.for(['configMap', 'secret', 'downwardAPI'] as const)(
    'declares a path in a %s: refused',
    (kind) => {
      const pod = bare(app('kind'), template('kind', IDLE))
      const source = {
        configMap: { name: 'x' },
        secret: { secretName: 'x' },
        downwardAPI: { items: [] },
      }
      pod.spec.volumes = [{ name: 'data', [kind]: source[kind] }]
      expect(refusal(pod, 'create')).toContain('/data')
    },
  )

  it('in two containers that share a volume is restored before both', async () => {
    const name = 'shared'
    const pod = withEmptyDir(template(name, IDLE))
    const [first] = pod.spec.containers
    pod.spec.containers = [first, { ...first, name: 'second' }]
    pod.metadata.annotations['holdfast.dev/state'] =
      'paths: [{path: /data, container: app}]\nbackup: {within: 1s}'
    apply(bare(app(name), pod))
    const before = await readyPod(app(name))
    exec(before, 'second', 'sh', '-c', 'echo both > /data/file')
    kubectl('-n', namespace, 'delete', 'pod', name)
    apply(bare(app(name), pod))
    const after = await readyPod(app(name), before.metadata.uid)
    for (const container of ['app', 'second'])
      expect(exec(after, container, 'cat', '/data/file')).toBe('both\n')
  })

  it('is refused with the reason where a Deployment would surge', () => {
    const surging = deployment(app('surging'), template('surging', IDLE), { strategy: {} })
    expect(refusal(surging)).toMatch(/surge/i)
  })
})

describe('a namespace', () => {
  it('with a quota and a LimitRange lets the pod in, sidecar and all', async () => {
    const limited = newAppNamespace()
    apply(
      {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'quota', namespace: limited },
        spec: {
          hard: {
            'requests.cpu': '1',
            'requests.memory': '1Gi',
            'limits.memory': '2Gi',
            'limits.cpu': '4',
          },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'LimitRange',
        metadata: { name: 'range', namespace: limited },
        spec: {
          limits: [
            {
              type: 'Container',
              default: { cpu: '500m', memory: '256Mi' },
              defaultRequest: { cpu: '100m', memory: '64Mi' },
              max: { cpu: '2', memory: '1Gi' },
            },
          ],
        },
      },
    )
    const of = { namespace: limited, name: 'limited' }
    apply(deployment(of, template('limited', IDLE)))
    const pod = await readyPod(of)
    expect(sidecarOf(pod).resources.limits.memory).toBeDefined()
  })

  it('that is restricted takes the pod as one that is', async () => {
    const restricted = newAppNamespace({ 'pod-security.kubernetes.io/enforce': 'restricted' })
    const of = { namespace: restricted, name: 'strict' }
    const pod = changed('strict', {
      container: {
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
      spec: {
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 1000,
          fsGroup: 1000,
          seccompProfile: { type: 'RuntimeDefault' },
        },
      },
    })
    apply(bare(of, pod))
    expect(sidecarOf(await readyPod(of))).toBeDefined()
  })

  it('that has no credentials holds the pod, and says why', async () => {
    const bareNamespace = newAppNamespace()
    kubectl('-n', bareNamespace, 'delete', 'secret', 'holdfast-s3')
    const of = { namespace: bareNamespace, name: 'poor' }
    apply(bare(of, template('poor', IDLE)))
    await until('the probe says why', () => {
      const events = read('-n', bareNamespace, 'events').items as Manifest[]
      const said = events.map(({ message }) => String(message))
      return said.some((text) => /^Startup probe failed.*credential/is.test(text))
    })
    expect(podsOf(of).some(isReady)).toBe(false)
  })
})

/** What the API server would make of a pod. */
function dryRun(pod: object): Manifest {
  const words = ['create', '--dry-run=server', '-o', 'json', '-f', '-']
  const { status, stdout, stderr } = tryTool('kubectl', words, JSON.stringify(pod))
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}
