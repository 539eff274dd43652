/** Where the API server is and who we are: in a pod by its ServiceAccount, by hand by a kubeconfig. */
import type { RequestOptions } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'
import { UsageError } from '../../shared/errors.ts'
import type { ClusterApi } from './cluster-api.ts'
import { HttpsApi, type Credentials } from './https-api.ts'

/**
 * @param kubeconfig a file; none: what the kubelet gives to each pod.
 * Throws a `UsageError` where the file says no such thing. Nothing is asked yet.
 */
export function connect(kubeconfig: string | undefined): ClusterApi {
  const config = loadKubeConfig(kubeconfig)
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new UsageError('the kubeconfig has no current cluster; use a context')
  if (!cluster.server.startsWith('https://') || cluster.skipTLSVerify || cluster.proxyUrl)
    throw new UsageError(
      `the API server "${cluster.server}" is to be asked without TLS, unverified or through a proxy; give a kubeconfig with an https:// address and its certificate-authority`,
    )
  return new HttpsApi({
    server: cluster.server,
    credentials: () => credentialsOf(config, cluster.tlsServerName),
  })
}

/** As `connect`, for the library's own calls. */
export function loadKubeConfig(kubeconfig: string | undefined): KubeConfig {
  const config = new KubeConfig()
  try {
    if (kubeconfig === undefined) config.loadFromCluster()
    else config.loadFromFile(kubeconfig)
  } catch (cause) {
    throw new UsageError(
      `no cluster: ${(cause as Error).message.split('\n')[0]}; mend the file that KUBECONFIG names`,
      { cause },
    )
  }
  return config
}

/** The library reads tokens and keys again when they are replaced. */
async function credentialsOf(config: KubeConfig, servername?: string): Promise<Credentials> {
  const options: RequestOptions = { headers: {} }
  await config.applyToHTTPSOptions(options)
  const { ca, cert, key, headers } = options as { [Key in keyof Credentials]: Credentials[Key] }
  return {
    headers: headers ?? {},
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(servername !== undefined && { servername }),
  }
}
