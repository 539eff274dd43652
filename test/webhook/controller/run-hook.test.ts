/** Who may have a command run in a container, and what is said to the others. */
import { describe, expect, it } from 'vitest'
import { podStateOf } from '../../../webhook/controller/agents-api.ts'
import { runHook, type HookSeams } from '../../../webhook/controller/run-hook.ts'
import { ForbiddenError } from '../../../webhook/kubernetes/cluster-error.ts'
import { podFacts } from './reports.ts'

const POD = { namespace: 'shop', name: 'shop-0', uid: 'uid-0' }
const HOOK = { container: 'shop', argv: ['freeze'], timeoutMs: 1000 }

function seams(parts: Partial<HookSeams> = {}): HookSeams {
  return {
    policies: { factsOf: async () => ({ policy: 'allow: {exec: true}', restricted: false }) },
    defaults: {},
    ownNamespace: 'holdfast-system',
    admittedHook: async () => HOOK,
    exec: async (_pod, { argv }) => ({ exitCode: 0, output: argv.join(' ') }),
    ...parts,
  }
}

const forbidden = () => Promise.reject(new ForbiddenError('pods/exec is forbidden'))

describe('a hook', () => {
  it('is run as it was admitted, where the Namespace allows it', async () => {
    expect(await runHook(seams(), POD, 'before')).toEqual({ exitCode: 0, output: 'freeze' })
  })

  it.each([undefined, 'allow: {exec: false}'])('is not run under the policy %s', async (policy) => {
    const facts = { restricted: false, ...(policy !== undefined && { policy }) }
    let looked = false
    const admittedHook = async () => {
      looked = true
      return HOOK
    }
    const policies = { factsOf: async () => facts }
    const run = runHook(seams({ policies, admittedHook }), POD, 'before')
    await expect(run).rejects.toMatchObject({ status: 403 })
    await expect(run).rejects.toThrow('annotation holdfast.dev/policy: "allow: {exec: true}"')
    expect(looked).toBe(false)
  })

  it('is not run in a pod that was admitted without it', async () => {
    const run = runHook(seams({ admittedHook: async () => undefined }), POD, 'after')
    await expect(run).rejects.toMatchObject({ status: 404 })
  })

  it('names the role that the namespace has to bind', async () => {
    const run = runHook(seams({ exec: forbidden }), POD, 'before')
    await expect(run).rejects.toMatchObject({ status: 403 })
    await expect(run).rejects.toThrow(
      'kubectl -n shop create rolebinding holdfast-exec --clusterrole=holdfast-exec --serviceaccount=holdfast-system:holdfast-webhook',
    )
  })
})

describe('a pod', () => {
  it.each([
    ['runs', podFacts(), 'alive'],
    ['was told to end', podFacts({ terminating: true }), 'terminating'],
    ['has ended', podFacts({ ended: true }), 'gone'],
    ['has ended, and is being removed', podFacts({ ended: true, terminating: true }), 'gone'],
    ['is another one of its name', podFacts({ uid: 'another' }), 'gone'],
    ['is not there', undefined, 'gone'],
  ])('that %s', async (_what, pod, state) => {
    expect(await podStateOf({ read: async () => pod }, 'shop', 'shop-0', 'uid-0')).toBe(state)
  })
})
