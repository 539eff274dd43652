import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { inject } from '../../../webhook/inject/inject.ts'
import { SERVICE } from '../../golden/admission-case.ts'

interface Workload {
  kind: string
  spec: { template: { metadata: { labels: object }; spec: object } }
}

it('the example is protected as it stands', () => {
  const text = readFileSync('manifests/examples/shop.yaml', 'utf8')
  const documents = parseAllDocuments(text).map((document) => document.toJS() as Workload)
  const template = documents.find((one) => one.kind === 'Deployment')!.spec.template
  const owner = { kind: 'ReplicaSet', name: 'shop-7d9c5', uid: 'u', controller: true }
  const labels = { ...template.metadata.labels, 'pod-template-hash': '7d9c5' }
  const pod = {
    ...template,
    metadata: {
      ...template.metadata,
      labels,
      generateName: 'shop-7d9c5-',
      ownerReferences: [owner],
    },
  }
  const facts = { restricted: false }
  expect(inject(pod, { namespace: 'shop', facts, service: SERVICE, resolved: null })).toMatchObject(
    {
      warnings: [],
      pod: { spec: { initContainers: [{ name: 'holdfast' }], terminationGracePeriodSeconds: 35 } },
    },
  )
})
