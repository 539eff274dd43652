import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { namespacePoliciesFromFile } from '../../../webhook/admission/namespace-file.ts'

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-namespaces-'))
})

afterAll(() => rm(directory, { recursive: true }))

const LIST = `
- apiVersion: v1
  kind: Namespace
  metadata:
    name: shop
    labels: {pod-security.kubernetes.io/enforce: restricted}
    annotations:
      holdfast.dev/policy: "backup: {within: 30s}"
- {kind: Namespace, metadata: {name: plain}}
- {kind: Namespace, metadata: {name: range, annotations: {openshift.io/sa.scc.uid-range: 1000680000/10000}}}
- {kind: Namespace, metadata: {name: span, annotations: {openshift.io/sa.scc.uid-range: 1000680000-1000689999}}}
- {kind: Namespace, metadata: {name: odd, annotations: {openshift.io/sa.scc.uid-range: any}}}
`

async function factsOf(text: string, namespace: string) {
  const file = join(directory, 'namespaces.yaml')
  await writeFile(file, text)
  return namespacePoliciesFromFile(file).factsOf(namespace)
}

describe('Namespaces in a file', () => {
  it('are known by policy and Pod Security', async () => {
    expect(await factsOf(LIST, 'shop')).toEqual({
      policy: 'backup: {within: 30s}',
      restricted: true,
    })
    expect(await factsOf(LIST, 'plain')).toEqual({ restricted: false })
    expect(await factsOf(LIST, 'elsewhere')).toEqual({ restricted: false })
    expect(await factsOf('', 'shop')).toEqual({ restricted: false })
  })

  it('are known by the users that OpenShift gives to their pods', async () => {
    const given = { restricted: false, assignedUser: 1_000_680_000 }
    expect(await factsOf(LIST, 'range')).toEqual(given)
    expect(await factsOf(LIST, 'span')).toEqual(given)
    expect(await factsOf(LIST, 'odd')).toEqual({ restricted: false })
  })

  it.each(['a: [', '{kind: Namespace}', '- {kind: Pod, metadata: {name: x}}', '- 5'])(
    'are refused in one sentence where the file holds %s',
    async (text) => {
      await expect(factsOf(text, 'shop')).rejects.toThrow(/write a YAML list of Namespace objects$/)
    },
  )

  it('are refused where the file is not there', async () => {
    const policies = namespacePoliciesFromFile(join(directory, 'none.yaml'))
    await expect(policies.factsOf('shop')).rejects.toThrow(/ENOENT/)
  })
})
