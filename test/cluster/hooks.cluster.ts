/** Commands around each version, run by the kubelet in the app's own container, where its namespace lets them. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, inject, it } from 'vitest'
import { holdfastHere } from '../cli/command.ts'
import { awsEnvironment } from '../support/ceph.ts'
import type { Manifest } from '../manifests/chart.ts'
import { kubectl, refusal } from './installed.ts'
import { installHoldfast, newAppNamespace, SYSTEM } from './support/holdfast.ts'
import { apply, read, until } from './support/objects.ts'
import { exec, podsOf, readyPod } from './support/pods.ts'
import { versionsOf } from './support/stream.ts'
import { bare, IDLE, template, type Named } from './support/workloads.ts'

let namespace: string

beforeAll(async () => {
  await installHoldfast()
  namespace = newAppNamespace()
})

function withHook(name: string, command: string): { of: Named; pod: Manifest } {
  const pod = template(name, IDLE)
  pod.metadata.annotations['holdfast.dev/state'] = JSON.stringify({
    paths: ['/data'],
    backup: {
      within: '1s',
      before: { exec: ['sh', '-c', command], onError: 'fail' },
      after: { exec: ['true'] },
    },
  })
  return { of: { namespace, name }, pod }
}

/** Of the condition, once `matches` does. */
async function conditionOf(of: Named, matches: RegExp): Promise<Manifest> {
  return until(`the condition of ${of.name} says ${matches}`, () => {
    const conditions: Manifest[] = podsOf(of)[0]?.status.conditions ?? []
    return conditions.find(
      ({ type, message }) => type === 'holdfast.dev/Protected' && matches.test(String(message)),
    )
  })
}

async function filesOfNewest({ name }: Named): Promise<string[]> {
  const { s3 } = inject('cluster')
  Object.assign(process.env, awsEnvironment(s3))
  const to = mkdtempSync(join(tmpdir(), 'holdfast-hooks-'))
  try {
    const where = [
      '--store',
      `s3://${s3.bucket}/cluster`,
      '--stream',
      `${namespace}/${name}/${name}`,
    ]
    const { code, stderr } = await holdfastHere('restore', ...where, '--to', to)
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    return readdirSync(to, { recursive: true }).map(String).toSorted()
  } finally {
    rmSync(to, { recursive: true })
  }
}

it('is refused where the Namespace does not allow it, with whom to ask', () => {
  const { of, pod } = withHook('finisher', 'true')
  expect(refusal(bare(of, pod))).toMatch(/exec.*allow: \{exec: true\}/s)
})

it('makes no version where the namespace has bound the role to nobody, and says how to', async ({
  task,
}) => {
  kubectl('annotate', 'namespace', namespace, 'holdfast.dev/policy=allow: {exec: true}')
  // The app's half-done file is done when its hook was there.
  const { of, pod } = withHook(
    'finisher',
    'if [ -e /data/half ]; then mv /data/half /data/whole; fi',
  )
  apply(bare(of, pod))
  const running = await readyPod(of)
  exec(running, 'app', 'sh', '-c', 'echo order > /data/half')
  const { message } = await conditionOf(of, /ClusterRole holdfast-exec is missing/)
  task.meta.saw = String(message)
  expect(await versionsOf(of, of.name)).toEqual([])
})

it('puts each version between them as soon as it has', async () => {
  const of = { namespace, name: 'finisher' }
  const account = `${SYSTEM}:holdfast-webhook`
  const role = ['holdfast-exec', '--clusterrole=holdfast-exec', `--serviceaccount=${account}`]
  kubectl('-n', namespace, 'create', 'rolebinding', ...role)
  await until('a version', async () => (await versionsOf(of, of.name)).length > 0)
  const files = await filesOfNewest(of)
  expect(files.some((file) => file.endsWith('whole'))).toBe(true)
  expect(files.some((file) => file.endsWith('half'))).toBe(false)
  await conditionOf(of, /is the newest version/)
})

it('tells what a command said that failed', async ({ task }) => {
  const { of, pod } = withHook('failing', 'echo no room for a dump; exit 3')
  apply(bare(of, pod))
  exec(await readyPod(of), 'app', 'sh', '-c', 'echo order > /data/order')
  const { message } = await conditionOf(of, /ended with exit code 3: no room for a dump/)
  expect(message).toMatch(/backup\.before/)
  task.meta.saw = String(message)
  expect(await versionsOf(of, of.name)).toEqual([])
  expect(read('-n', namespace, 'pod', of.name).status.phase).toBe('Running')
})
