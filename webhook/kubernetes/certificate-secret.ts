/** The Secret of the certificates: needs `get` and `patch` on it by name, and `create` on secrets where it is not there yet. */
import * as v from 'valibot'
import type { CertificateStore } from '../certificates/certificate-store.ts'
import type { ClusterApi } from './cluster-api.ts'
import { MissingObjectError } from './cluster-error.ts'
import { readObject } from './read-object.ts'
import { SECRETS } from './resources.ts'

const SecretSchema = v.object({
  metadata: v.looseObject({ resourceVersion: v.string() }),
  type: v.nullish(v.string()),
  data: v.nullish(v.record(v.string(), v.string())),
})

type Data = Readonly<Record<string, string>>

export function certificateSecret(
  api: ClusterApi,
  namespace: string,
  name: string,
): CertificateStore {
  const secret = { resource: SECRETS, namespace, name }
  return {
    async read() {
      try {
        const object = await api.call({ verb: 'get', ...secret })
        const { metadata, data } = readObject(SecretSchema, object)
        return { resourceVersion: metadata.resourceVersion, data: decoded(data ?? {}) }
      } catch (error) {
        if (error instanceof MissingObjectError) return undefined
        throw error
      }
    },
    async create(data) {
      const body = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace, labels: { 'app.kubernetes.io/name': 'holdfast' } },
        type: 'Opaque',
        data: encoded(data),
      }
      await api.call({ verb: 'create', resource: SECRETS, namespace, body })
    },
    async replace({ resourceVersion, data: before }, data) {
      // A merge patch: what others wrote into the Secret's metadata stays. Null takes a name out.
      const gone = Object.keys(before).map((key) => [key, null] as const)
      const body = {
        metadata: { resourceVersion },
        data: { ...Object.fromEntries(gone), ...encoded(data) },
      }
      await api.call({ verb: 'patch', ...secret, body, patch: 'merge' })
    },
  }
}

function encoded(data: Data): Data {
  return mapped(data, (text) => Buffer.from(text).toString('base64'))
}

function decoded(data: Data): Data {
  return mapped(data, (text) => Buffer.from(text, 'base64').toString())
}

function mapped(data: Data, change: (text: string) => string): Data {
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, change(text)]))
}
