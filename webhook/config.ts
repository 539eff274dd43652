/** The service's settings, from its environment; all faults at once. */
import { parseDefaults, type Policy } from '../shared/declaration/policy.ts'
import { formatFaults } from '../shared/declaration/fault.ts'
import { UsageError } from '../shared/errors.ts'
import { parseStoreUrl } from '../shared/object-store/store-url.ts'
import { streamPartProblem } from '../shared/stream-name.ts'
import type { KeyPairFiles } from './certificates/key-pair-files.ts'
import type { ServiceSettings } from './inject/injection-context.ts'

export interface WebhookConfig {
  /** 0: any that is free. */
  readonly port: number
  /** Whose Namespaces count. */
  readonly namespaces: NamespaceSource
  readonly certificates: CertificateSource
  /** What this process is called among the replicas. */
  readonly podName: string
  readonly service: Omit<ServiceSettings, 'agentService'>
  /** Where agents reach this service; undefined: they are not told of it. */
  readonly serviceUrl: string | undefined
  readonly logLevel: LogLevel
}

export type NamespaceSource =
  | { readonly from: 'file'; readonly file: string }
  /** No kubeconfig: by what the kubelet gives to each pod. */
  | { readonly from: 'cluster'; readonly kubeconfig: string | undefined }

export type CertificateSource =
  | { readonly by: 'files'; readonly files: KeyPairFiles }
  /** Made, kept in the cluster and renewed by the service. */
  | { readonly by: 'self'; readonly names: readonly string[] }

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export type Environment = Readonly<Record<string, string | undefined>>

const DEFAULT_PORT = 8443
const DEFAULT_FLUSH_SECONDS = 30

/** Throws a `UsageError` that names every variable at fault. An empty variable counts as not set. */
export function readConfig(environment: Environment): WebhookConfig {
  const faults: string[] = []
  const text = (name: string): string | undefined => environment[name]?.trim() || undefined
  const needed = (name: string, meaning: string): string => {
    const value = text(name)
    if (value === undefined) faults.push(`${name} is not set: ${meaning}`)
    return value ?? ''
  }
  const serviceUrl = readServiceUrl(text, faults)
  const namespaces = readNamespaces(text, faults)
  const ownNamespace = readName('HOLDFAST_NAMESPACE', text, 'holdfast-system', faults)
  const config = {
    serviceUrl,
    port: wholeNumber('HOLDFAST_PORT', text, DEFAULT_PORT, [0, 65_535], faults),
    namespaces,
    certificates: readCertificates({ text, needed, faults, namespaces, serviceUrl, ownNamespace }),
    podName: text('HOLDFAST_POD_NAME') ?? 'holdfast-webhook',
    logLevel: readLogLevel(text, faults),
    service: {
      image: needed('HOLDFAST_IMAGE', "the sidecar's image"),
      defaults: readDefaults(text, faults),
      credentialsSecret: readName('HOLDFAST_CREDENTIALS_SECRET', text, 'holdfast-s3', faults),
      storeEnvironment: ['AWS_ENDPOINT_URL_S3', 'AWS_REGION'].flatMap((name) => {
        const value = text(name)
        return value === undefined ? [] : [{ name, value }]
      }),
      flushSeconds: wholeNumber(
        'HOLDFAST_FLUSH_SECONDS',
        text,
        DEFAULT_FLUSH_SECONDS,
        [1, 600],
        faults,
      ),
      ownNamespace,
    },
  }
  if (faults.length > 0) throw new UsageError(faults.join('\n'))
  return config
}

type Text = (name: string) => string | undefined

function readDefaults(text: Text, faults: string[]): Policy {
  const store = text('HOLDFAST_STORE')
  if (store !== undefined) collectStoreFault(store, faults)
  const policy = text('HOLDFAST_DEFAULTS')
  const parsed = policy === undefined ? undefined : parseDefaults(policy)
  if (parsed?.ok === false) faults.push(formatFaults('HOLDFAST_DEFAULTS', parsed.faults))
  const said = parsed?.ok === true ? parsed.value : {}
  return { ...said, ...(store !== undefined && { store }) }
}

function readNamespaces(text: Text, faults: string[]): NamespaceSource {
  const file = text('HOLDFAST_NAMESPACES')
  if (file !== undefined) return { from: 'file', file }
  const kubeconfig = text('KUBECONFIG')
  if (kubeconfig !== undefined || text('KUBERNETES_SERVICE_HOST') !== undefined)
    return { from: 'cluster', kubeconfig }
  faults.push(
    'HOLDFAST_NAMESPACES is not set: run in a cluster (in a pod, or with KUBECONFIG), or name a YAML file with a list of Namespace objects, which may be empty ([])',
  )
  return { from: 'file', file: '' }
}

interface CertificateSettings {
  readonly text: Text
  readonly needed: (name: string, meaning: string) => string
  readonly faults: string[]
  readonly namespaces: NamespaceSource
  readonly serviceUrl: string | undefined
  readonly ownNamespace: string
}

function readCertificates(settings: CertificateSettings): CertificateSource {
  const { text, needed, faults, namespaces, serviceUrl } = settings
  const isInCluster = namespaces.from === 'cluster'
  const by = text('HOLDFAST_CERTIFICATES') ?? (isInCluster ? 'self' : 'files')
  if (by === 'self' && isInCluster) return { by, names: certificateNames(settings) }
  if (by === 'self')
    faults.push(
      'HOLDFAST_CERTIFICATES is "self", which needs a cluster to keep them in: write files',
    )
  else if (by !== 'files')
    faults.push(`HOLDFAST_CERTIFICATES is ${JSON.stringify(by)}: write self or files`)
  const files = {
    certificateFile: needed('HOLDFAST_TLS_CERT', 'the file of the TLS certificate (PEM)'),
    keyFile: needed('HOLDFAST_TLS_KEY', 'the file of its key (PEM)'),
    authoritiesFile:
      serviceUrl === undefined
        ? undefined
        : needed(
            'HOLDFAST_TLS_CA',
            'the file of the authorities (PEM) by which agents know the service at HOLDFAST_SERVICE_URL',
          ),
  }
  return { by: 'files', files }
}

/** As the API server calls the Service, as agents do, and what else is wished for. */
function certificateNames({
  text,
  serviceUrl,
  ownNamespace,
  faults,
}: CertificateSettings): string[] {
  const further = (text('HOLDFAST_TLS_NAMES') ?? '').split(/[\s,]+/).filter((name) => name !== '')
  const wrong = further.find((name) => !/^[\w.:-]+$/.test(name))
  if (wrong !== undefined)
    faults.push(
      `HOLDFAST_TLS_NAMES holds ${JSON.stringify(wrong)}: write DNS names and IP addresses, with commas between them`,
    )
  const told = serviceUrl === undefined ? [] : [new URL(serviceUrl).hostname]
  return [...new Set([`holdfast-webhook.${ownNamespace}.svc`, ...told, ...further])]
}

function readServiceUrl(text: Text, faults: string[]): string | undefined {
  const value = text('HOLDFAST_SERVICE_URL')
  if (value === undefined) return undefined
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url?.protocol === 'https:' && url.href === `${url.origin}/`) return url.origin
  faults.push(
    `HOLDFAST_SERVICE_URL is ${JSON.stringify(value)}: write https, host and port, as https://holdfast-webhook.holdfast-system.svc`,
  )
  return undefined
}

function readLogLevel(text: Text, faults: string[]): LogLevel {
  const value = text('HOLDFAST_LOG_LEVEL') ?? 'info'
  const level = LOG_LEVELS.find((one) => one === value)
  if (level === undefined)
    faults.push(
      `HOLDFAST_LOG_LEVEL is ${JSON.stringify(value)}: write one of ${LOG_LEVELS.join(', ')}`,
    )
  return level ?? 'info'
}

function collectStoreFault(store: string, faults: string[]): void {
  try {
    parseStoreUrl(store)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    faults.push(`HOLDFAST_STORE: ${error.message}`)
  }
}

function readName(name: string, text: Text, standard: string, faults: string[]): string {
  const value = text(name) ?? standard
  const problem = streamPartProblem(value)
  if (problem !== undefined) faults.push(`${name} is ${JSON.stringify(value)}, which ${problem}`)
  return value
}

function wholeNumber(
  name: string,
  text: Text,
  standard: number,
  [min, max]: readonly [number, number],
  faults: string[],
): number {
  const value = text(name)
  if (value === undefined) return standard
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
  if (number >= min && number <= max) return number
  faults.push(`${name} is ${JSON.stringify(value)}: write a whole number from ${min} to ${max}`)
  return standard
}
