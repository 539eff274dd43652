/** A mutating webhook of somebody else, beside ours: it changes pods that declare state. Runs in the test's process. */
import { createServer } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { createCertificate } from '../../../webhook/certificates/make-certificate.ts'
import type { Manifest } from '../../manifests/chart.ts'

export interface ForeignWebhook {
  /** Of a configuration by this name, for pods of this namespace; it may be asked again after ours. */
  configuration(name: string, namespace: string): object
  /** How often it was asked so far. */
  asked(): number
  close(): void
}

export async function startForeignWebhook(
  address: string,
  change: (pod: Manifest) => Manifest,
): Promise<ForeignWebhook> {
  const { certificate, key, authority } = await createCertificate([address])
  let count = 0
  const server = createServer({ cert: certificate, key }, (request, response) => {
    count += 1
    void json(request).then((review) =>
      response.end(JSON.stringify(answer(review as Manifest, change))),
    )
  })
  server.listen(0, address)
  await once(server, 'listening')
  const url = `https://${address}:${(server.address() as AddressInfo).port}/`
  const caBundle = Buffer.from(authority).toString('base64')
  return {
    configuration: (name, namespace) => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name },
      webhooks: [
        {
          name: `${name}.example.com`,
          clientConfig: { url, caBundle },
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          reinvocationPolicy: 'IfNeeded',
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          rules: [
            { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] },
          ],
        },
      ],
    }),
    asked: () => count,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function answer({ request }: Manifest, change: (pod: Manifest) => Manifest): object {
  const { spec } = change(request.object)
  const patch = [{ op: 'replace', path: '/spec', value: spec }]
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid: request.uid,
      allowed: true,
      patchType: 'JSONPatch',
      patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
    },
  }
}
