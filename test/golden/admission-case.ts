/** One golden case: a pod as the API server sends it at CREATE, what is known beside it, and the answer. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import { parseDefaults, type Policy } from '../../shared/declaration/policy.ts'
import { parseAssignment } from '../../shared/sidecar-contract.ts'
import { inject } from '../../webhook/inject/inject.ts'
import type { InjectionContext, ServiceSettings } from '../../webhook/inject/injection-context.ts'
import type { ResolvedPin } from '../../webhook/inject/pin-resolver.ts'
import { podPatch } from '../../webhook/inject/pod-patch.ts'
import { Refusal } from '../../webhook/inject/refusal.ts'

export const ADMISSION_DIR = fileURLToPath(new URL('admission', import.meta.url))

export const SERVICE: ServiceSettings = {
  image: 'registry.example/holdfast:0.1.0',
  defaults: { store: 's3://continuity/prod' },
  credentialsSecret: 'holdfast-s3',
  storeEnvironment: [],
  flushSeconds: 30,
  ownNamespace: 'holdfast-system',
  agentService: {
    url: 'https://holdfast-webhook.holdfast-system.svc',
    ca: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  },
}

/** `context.yaml` of a case; everything has a default. */
export interface CaseContext {
  readonly namespace?: string
  readonly policy?: string
  readonly restricted?: boolean
  readonly assignedUser?: number
  readonly defaults?: string
  /** Null: the service has none. */
  readonly store?: string | null
  readonly endpoint?: string
  /** False: agents are told of no service. */
  readonly agentService?: boolean
  readonly resolved?: ResolvedPin
}

export function caseNames(): string[] {
  return readdirSync(ADMISSION_DIR).toSorted()
}

export function readCase(name: string): { pod: unknown; context: InjectionContext } {
  const directory = join(ADMISSION_DIR, name)
  const pod: unknown = parse(readFileSync(join(directory, 'pod.yaml'), 'utf8'))
  const file = join(directory, 'context.yaml')
  const said = existsSync(file) ? (parse(readFileSync(file, 'utf8')) as CaseContext) : {}
  return { pod, context: toContext(said) }
}

export function toContext(said: CaseContext): InjectionContext {
  const { namespace = 'shop', restricted = false, endpoint, resolved = null } = said
  const { policy, assignedUser } = said
  const storeEnvironment =
    endpoint === undefined ? [] : [{ name: 'AWS_ENDPOINT_URL_S3', value: endpoint }]
  return {
    namespace,
    facts: {
      ...(policy !== undefined && { policy }),
      restricted,
      ...(assignedUser !== undefined && { assignedUser }),
    },
    service: {
      ...SERVICE,
      storeEnvironment,
      defaults: defaultsOf(said),
      ...(said.agentService === false && { agentService: null }),
    },
    resolved,
  }
}

function defaultsOf(said: CaseContext): Policy {
  const parsed = said.defaults === undefined ? undefined : parseDefaults(said.defaults)
  if (parsed?.ok === false) throw new Error('defaults of the case do not read')
  const store = said.store === undefined ? SERVICE.defaults : {}
  return { ...store, ...parsed?.value }
}

/** The text of `expected.yaml`: patch and warnings, or the refusal. */
export function answerOf(name: string): string {
  const { pod, context } = readCase(name)
  const injection = inject(pod, context)
  if (injection instanceof Refusal)
    return stringify({ refused: { code: injection.code, message: injection.message } })
  const patch = podPatch(pod as object, injection.pod as object)
  const assignments: unknown[] = []
  // The assignment is JSON in an environment variable: shown as what it says.
  const shown: unknown = JSON.parse(JSON.stringify(patch), (_, value: unknown) => {
    if (typeof value !== 'string' || !value.startsWith('{"namespace":')) return value
    assignments.push(parseAssignment(value.replaceAll('$$', () => '$')))
    return '(the assignment below)'
  })
  const [assignment] = assignments
  return stringify(
    { warnings: injection.warnings, patch: shown, ...(assignment !== undefined && { assignment }) },
    { lineWidth: 0, aliasDuplicateObjects: false },
  )
}
