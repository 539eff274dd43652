import type { Resource } from './cluster-api.ts'

export const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces' }
export const SECRETS: Resource = { group: '', version: 'v1', plural: 'secrets' }
export const LEASES: Resource = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' }
const ADMISSION = { group: 'admissionregistration.k8s.io', version: 'v1' }
export const MUTATING_WEBHOOKS: Resource = { ...ADMISSION, plural: 'mutatingwebhookconfigurations' }
export const VALIDATING_WEBHOOKS: Resource = {
  ...ADMISSION,
  plural: 'validatingwebhookconfigurations',
}
export const PODS: Resource = { group: '', version: 'v1', plural: 'pods' }
export const EVENTS: Resource = { group: 'events.k8s.io', version: 'v1', plural: 'events' }
export const TOKEN_REVIEWS: Resource = {
  group: 'authentication.k8s.io',
  version: 'v1',
  plural: 'tokenreviews',
}
export const LIMIT_RANGES: Resource = { group: '', version: 'v1', plural: 'limitranges' }
export const CONFIG_MAPS: Resource = { group: '', version: 'v1', plural: 'configmaps' }
