/** What the person at the keyboard is told of a workload, and what a pin in its template becomes. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Manifest } from '../manifests/chart.ts'
import { tryTool } from '../support/cluster-tools.ts'
import { kubectl, refusal } from './installed.ts'
import { SHOP_14, SHOP_15, TOOLS } from './support/app-images.ts'
import { installHoldfast, newAppNamespace } from './support/holdfast.ts'
import { apply, read, until } from './support/objects.ts'
import { podsOf, readyPod, statusOf } from './support/pods.ts'
import { taggedVersion } from './support/stream.ts'
import {
  deployment,
  IDLE,
  shopTemplate,
  statefulSet,
  template,
  withEmptyDir,
  type Named,
} from './support/workloads.ts'

const PIN = 'holdfast.dev/restore'
const REQUEST = 'holdfast.dev/restore-request'
const STAMP = /^\d{8}T\d{6}Z-[0-9a-f]{8}$/

let namespace: string
const app = (name: string): Named => ({ namespace, name })

beforeAll(async () => {
  await installHoldfast()
  namespace = newAppNamespace()
})

/** `fresh` needs no history. */
function pinned(pod: Manifest, pin = 'fresh'): Manifest {
  const labels = { ...pod.metadata.labels, [PIN]: pin }
  return { ...pod, metadata: { ...pod.metadata, labels } }
}

/** No pod is needed to see what is stored. */
const resting = (name: string, pod: Manifest) => deployment(app(name), pod, { replicas: 0 })

function stored(name: string, kind = 'deployment'): Manifest {
  return read('-n', namespace, kind, name)
}

function requestOf(name: string): string | undefined {
  return stored(name).spec.template.metadata.annotations[REQUEST]
}

function patchLabels(name: string, pin: string | null): void {
  const patch = { spec: { template: { metadata: { labels: { [PIN]: pin } } } } }
  kubectl('-n', namespace, 'patch', 'deployment', name, '--type=merge', '-p', JSON.stringify(patch))
}

/** What kubectl says beside, where it is done. */
function said(words: readonly string[], object?: object): string {
  const { status, stderr } = tryTool('kubectl', words, object && JSON.stringify(object))
  expect(status, stderr).toBe(0)
  return stderr
}

describe('a pin', () => {
  it('asks anew each time that it is set, and its request goes with it', () => {
    apply(resting('asked', template('asked', IDLE)))
    const seen = new Set<string>()
    for (const pin of ['fresh', 'latest', 'fresh']) {
      patchLabels('asked', pin)
      expect(requestOf('asked')).toMatch(STAMP)
      seen.add(requestOf('asked') ?? '')
    }
    patchLabels('asked', null)
    expect(requestOf('asked')).toBeUndefined()
    patchLabels('asked', 'fresh')
    seen.add(requestOf('asked') ?? '')
    expect(seen.size).toBe(4)
  })

  it.for([
    ['apply', ['apply', '-f', '-']],
    ['server-side apply', ['apply', '--server-side', '--force-conflicts', '-f', '-']],
    ['replace', ['replace', '-f', '-']],
  ] as const)('is not asked for again by %s of a file that knows no request', ([how, words]) => {
    const name = `known-by-${how.replaceAll(' ', '-')}`
    const file = resting(name, pinned(template(name, IDLE)))
    said(how === 'replace' ? ['create', '-f', '-'] : words, file)
    const before = stored(name)
    expect(requestOf(name)).toMatch(STAMP)
    said(words, file)
    // Whole: nothing is rolled by it.
    expect(stored(name).spec.template).toEqual(before.spec.template)
    const next = structuredClone(file)
    next.spec.template.spec.terminationGracePeriodSeconds = 7
    said(words, next)
    expect(stored(name).spec.template.spec.terminationGracePeriodSeconds).toBe(7)
    expect(requestOf(name)).toBe(before.spec.template.metadata.annotations[REQUEST])
  })

  it('keeps the request that comes with it', () => {
    const own = pinned(template('own', IDLE))
    own.metadata.annotations = { ...own.metadata.annotations, [REQUEST]: 'ticket-17' }
    apply(resting('own', own))
    expect(requestOf('own')).toBe('ticket-17')
  })

  it('is stamped in a server-side dry run, and nothing is stored', () => {
    apply(resting('dry', template('dry', IDLE)))
    const words = ['apply', '--dry-run=server', '-o', 'json', '-f', '-']
    const file = JSON.stringify(resting('dry', pinned(template('dry', IDLE))))
    const { stdout } = tryTool('kubectl', words, file)
    const { annotations } = JSON.parse(stdout).spec.template.metadata
    expect(annotations[REQUEST]).toMatch(STAMP)
    expect(requestOf('dry')).toBeUndefined()
  })

  it('of a CronJob is one request for all of its runs', () => {
    apply(cronJob('nightly', pinned(nightly()), 'Forbid'))
    const { annotations } = stored('nightly', 'cronjob').spec.jobTemplate.spec.template.metadata
    expect(annotations[REQUEST]).toMatch(STAMP)
    for (const run of ['first', 'second']) {
      kubectl('-n', namespace, 'create', 'job', run, '--from=cronjob/nightly')
      const of = stored(run, 'job').spec.template.metadata.annotations
      expect(of[REQUEST]).toBe(annotations[REQUEST])
    }
  })
})

const nightly = () => {
  const pod = withEmptyDir(template('nightly', ['true']))
  pod.metadata.annotations = { 'holdfast.dev/state': 'app: nightly\npaths: [/data]\n' }
  return { ...pod, spec: { ...pod.spec, restartPolicy: 'Never' } }
}

function cronJob(name: string, pod: Manifest, concurrencyPolicy?: string): Manifest {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name, namespace },
    spec: {
      schedule: '0 0 1 1 *',
      concurrencyPolicy,
      suspend: true,
      jobTemplate: { spec: { template: pod } },
    },
  }
}

describe('a workload that could only fail later is denied', () => {
  it('with each fault of its declaration, and where it is', () => {
    const pod = template('faulty', IDLE)
    pod.metadata.annotations = { 'holdfast.dev/state': 'path: /data\nbackup: {within: 5 sec}\n' }
    const answer = refusal(resting('faulty', pod))
    expect(answer).toContain('line 1, column 1: path: found an unknown key')
    expect(answer).toContain('line 2, column 18: backup.within: found "5 sec"')
  })

  it('with the user of the pod that runs, where the template does not say it', async ({ task }) => {
    const asked = template('uid', IDLE)
    const plain = { ...asked, metadata: { labels: asked.metadata.labels } }
    const user = { runAsUser: 1234, runAsGroup: 1235 }
    apply(deployment(app('uid'), { ...plain, spec: { ...plain.spec, securityContext: user } }))
    const pod = await readyPod(app('uid'))
    const silent = { ...asked, spec: { ...asked.spec, securityContext: {} } }
    const answer = refusal(deployment(app('uid'), silent))
    // Kubernetes before 1.33 does not tell who a container runs as.
    const isTold = statusOf(pod, 'app').user !== undefined
    expect(answer).toMatch(
      isTold
        ? /app runs as 1234:1235 in pod uid-\S+; add holdfast.dev\/run-as: "1234:1235"/
        : /"kubectl exec POD -c app -- id" shows both/,
    )
    task.meta.saw = /the template does not say.*/.exec(answer ?? '')?.[0] ?? answer ?? 'taken'
    silent.metadata.annotations['holdfast.dev/run-as'] = '1234:1235'
    expect(refusal(deployment(app('uid'), silent))).toBeUndefined()
    await until('the advice holds', () =>
      podsOf(app('uid')).some((each) => each.spec.initContainers?.length === 1),
    )
  })

  it('where a new image comes under an old pin, until the pin goes', async () => {
    const shop = app('held')
    apply(deployment(shop, shopTemplate('held', SHOP_14)))
    const { metadata } = await readyPod(shop)
    kubectl('-n', namespace, 'annotate', 'pod', metadata.name, 'holdfast.dev/backup=good')
    await taggedVersion(shop, 'good')
    patchLabels('held', 'good')
    const roll = ['-n', namespace, 'set', 'image', 'deployment/held', `shop=${SHOP_15}`]
    const { status, stderr } = tryTool('kubectl', roll)
    expect(status).not.toBe(0)
    expect(stderr).toContain('remove holdfast.dev/restore: the state stays where it is')
    expect(stored('held').spec.template.spec.containers[0].image).toBe(SHOP_14)
    patchLabels('held', null)
    said(roll)
  })

  it('where one number would mean as many versions as it has replicas', () => {
    const object = statefulSet(app('several'), pinned(template('several', IDLE), 'v42'), {
      replicas: 3,
    })
    expect(refusal(object)).toContain(
      'holdfast.dev/restore=v42 numbers the versions of one stream, and StatefulSet "several" has 3',
    )
  })

  it('where its pin names no version', () => {
    expect(refusal(resting('nothing', pinned(template('nothing', IDLE), 'v42')))).toContain(
      'has no versions; take the label off, or wait for the first one',
    )
  })

  it('where its path is on no volume, whatever its kind', () => {
    for (const object of [
      resting('nowhere', template('nowhere', IDLE)),
      statefulSet(app('nowhere'), template('nowhere', IDLE)),
      cronJob('nowhere', nightly(), 'Forbid'),
    ]) {
      const text = JSON.stringify(object).replaceAll('"mountPath":"/data"', '"mountPath":"/other"')
      expect(refusal(JSON.parse(text))).toContain('path "/data" lies on no volume')
    }
  })
})

describe('a workload that is risky is taken, with a warning', () => {
  it('where runs of a CronJob may overlap', () => {
    expect(apply(cronJob('overlapping', nightly()))).toContain('set it to Forbid or Replace')
  })

  it('where a key of ours stands on the workload itself, when it is put there', () => {
    const pod = template('misplaced', IDLE)
    apply(resting('misplaced', { ...pod, metadata: { labels: pod.metadata.labels } }))
    const on = ['-n', namespace]
    expect(
      said([...on, 'annotate', 'deployment', 'misplaced', 'holdfast.dev/state=/data']),
    ).toContain('put it into spec.template.metadata.annotations')
    expect(said([...on, 'label', 'deployment', 'misplaced', `${PIN}=v42`])).toContain(
      'put it into spec.template.metadata.labels',
    )
    expect(said([...on, 'annotate', 'deployment', 'misplaced', 'note=x'])).toBe('')
  })

  it('where a StatefulSet waits for a pod that is not Ready', async () => {
    const of = app('waiting')
    const pod = { ...template('waiting', IDLE), spec: { ...template('waiting', IDLE).spec } }
    pod.spec.containers = [{ ...pod.spec.containers[0], image: `${TOOLS}-that-is-nowhere` }]
    apply(statefulSet(of, pod))
    await until('its pod is there', () => podsOf(of).length === 1)
    const answer = apply(statefulSet(of, pinned(template('waiting', IDLE))))
    expect(answer).toContain('delete it: kubectl delete pod waiting-0')
  })

  it('and is told nothing where nothing changes for its pods', () => {
    apply(cronJob('calm', nightly()))
    const on = ['-n', namespace]
    expect(said([...on, 'annotate', 'cronjob', 'calm', 'note=x'])).toBe('')
    expect(said([...on, 'scale', 'deployment', 'asked', '--replicas=0'])).toBe('')
    expect(
      said([...on, 'delete', 'deployment', 'asked', '--cascade=foreground', '--timeout=60s']),
    ).toBe('')
  })
})
