/** One Lease by its name: needs `get` and `update` on it, and `create` on leases where it is not there yet. */
import * as v from 'valibot'
import type { Lease, LeaseStore, StoredLease } from '../leader/lease.ts'
import type { ClusterApi } from './cluster-api.ts'
import { MissingObjectError } from './cluster-error.ts'
import { readObject } from './read-object.ts'
import { LEASES } from './resources.ts'

const WATCHED_TO = 'holdfast.dev/watched-to'

const LeaseSchema = v.object({
  metadata: v.object({
    resourceVersion: v.string(),
    annotations: v.nullish(v.record(v.string(), v.string())),
  }),
  spec: v.nullish(
    v.object({
      holderIdentity: v.nullish(v.string()),
      leaseDurationSeconds: v.nullish(v.number()),
      acquireTime: v.nullish(v.string()),
      renewTime: v.nullish(v.string()),
      leaseTransitions: v.nullish(v.number()),
    }),
  ),
})

export function leaseStore(api: ClusterApi, namespace: string, name: string): LeaseStore {
  const lease = { resource: LEASES, namespace, name }
  return {
    async read(signal) {
      try {
        return toLease(await api.call({ verb: 'get', ...lease, signal }))
      } catch (error) {
        if (error instanceof MissingObjectError) return undefined
        throw error
      }
    },
    async create(terms, signal) {
      const body = toObject({ name, namespace }, terms)
      const created = { verb: 'create', resource: LEASES, namespace, body, signal } as const
      return toLease(await api.call(created))
    },
    async replace({ resourceVersion }, terms, signal) {
      const body = toObject({ name, namespace, resourceVersion }, terms)
      return toLease(await api.call({ verb: 'update', ...lease, body, signal }))
    },
  }
}

function toLease(object: unknown): StoredLease {
  const { metadata, spec } = readObject(LeaseSchema, object)
  return {
    resourceVersion: metadata.resourceVersion,
    holder: spec?.holderIdentity || null,
    durationSeconds: spec?.leaseDurationSeconds ?? 0,
    acquiredAt: spec?.acquireTime ?? '',
    renewedAt: spec?.renewTime ?? '',
    transitions: spec?.leaseTransitions ?? 0,
    watchedTo: metadata.annotations?.[WATCHED_TO] ?? null,
  }
}

function toObject(metadata: object, lease: Lease): object {
  return {
    apiVersion: `${LEASES.group}/${LEASES.version}`,
    kind: 'Lease',
    metadata: {
      ...metadata,
      ...(lease.watchedTo !== null && { annotations: { [WATCHED_TO]: lease.watchedTo } }),
    },
    spec: {
      holderIdentity: lease.holder ?? '',
      leaseDurationSeconds: lease.durationSeconds,
      acquireTime: lease.acquiredAt,
      renewTime: lease.renewedAt,
      leaseTransitions: lease.transitions,
    },
  }
}
