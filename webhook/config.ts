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
  readonly keyPairFiles: KeyPairFiles
  readonly namespacesFile: string
  readonly service: Omit<ServiceSettings, 'agentService'>
  /** Where agents reach this service; undefined: they are not told of it. */
  readonly serviceUrl: string | undefined
  readonly logLevel: LogLevel
}

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
  const config = {
    serviceUrl,
    port: wholeNumber('HOLDFAST_PORT', text, DEFAULT_PORT, [0, 65_535], faults),
    keyPairFiles: {
      certificateFile: needed('HOLDFAST_TLS_CERT', 'the file of the TLS certificate (PEM)'),
      keyFile: needed('HOLDFAST_TLS_KEY', 'the file of its key (PEM)'),
      authoritiesFile:
        serviceUrl === undefined
          ? undefined
          : needed(
              'HOLDFAST_TLS_CA',
              'the file of the authorities (PEM) by which agents know the service at HOLDFAST_SERVICE_URL',
            ),
    },
    namespacesFile: needed(
      'HOLDFAST_NAMESPACES',
      'a YAML file with a list of Namespace objects, which may be empty ([])',
    ),
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
      ownNamespace: readName('HOLDFAST_NAMESPACE', text, 'holdfast-system', faults),
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
