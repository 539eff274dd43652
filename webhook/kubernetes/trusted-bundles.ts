/** The caBundles of our webhook configurations: needs `get` and `patch` on them, by name. */
import * as v from 'valibot'
import type { TrustedBundle, TrustedBundles } from '../certificates/certificate-store.ts'
import type { ClusterApi, Resource } from './cluster-api.ts'
import { MissingObjectError } from './cluster-error.ts'
import { readObject } from './read-object.ts'
import { MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS } from './resources.ts'

const ConfigurationSchema = v.object({
  metadata: v.object({ resourceVersion: v.string() }),
  webhooks: v.nullish(
    v.array(
      v.object({
        name: v.string(),
        clientConfig: v.object({
          caBundle: v.nullish(v.string()),
          service: v.nullish(v.object({ namespace: v.string() })),
        }),
      }),
    ),
  ),
})

/**
 * @param name of our mutating and of our validating configuration.
 * @param namespace that the service runs in: webhooks that call a Service of another one are not ours.
 */
export function trustedBundles(api: ClusterApi, name: string, namespace: string): TrustedBundles {
  return {
    async read() {
      const resources = [MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS]
      const bundles = await Promise.all(
        resources.map((resource) => read(api, resource, name, namespace)),
      )
      return bundles.filter((bundle) => bundle !== undefined)
    },
  }
}

async function read(
  api: ClusterApi,
  resource: Resource,
  name: string,
  namespace: string,
): Promise<TrustedBundle | undefined> {
  try {
    const object = await api.call({ verb: 'get', resource, name })
    const { metadata, webhooks } = readObject(ConfigurationSchema, object)
    const ours = (webhooks ?? []).filter(
      ({ clientConfig: { service } }) => (service?.namespace ?? namespace) === namespace,
    )
    const byWebhook = new Map(
      ours.map((webhook) => [webhook.name, decoded(webhook.clientConfig.caBundle)]),
    )
    return {
      configuration: `${resource.plural} "${name}"`,
      byWebhook,
      async replace(caBundle) {
        const clientConfig = { caBundle: Buffer.from(caBundle).toString('base64') }
        // Strategic: webhooks are merged by their names, and keep all that we do not say.
        const body = {
          metadata: { resourceVersion: metadata.resourceVersion },
          webhooks: [...byWebhook.keys()].map((webhook) => ({ name: webhook, clientConfig })),
        }
        await api.call({ verb: 'patch', resource, name, body, patch: 'strategic' })
      },
    }
  } catch (error) {
    if (error instanceof MissingObjectError) return undefined
    throw error
  }
}

function decoded(base64: string | null | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString()
}
