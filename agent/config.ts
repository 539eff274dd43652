/** The sidecar's environment, read once at the door. */
import type { KeyEncryptionKey } from '../shared/encryption/key-encryption-key.ts'
import { readKeyEncryptionKey } from '../shared/encryption/key-encryption-key.ts'
import { HoldfastError } from '../shared/errors.ts'
import type { Assignment } from '../shared/sidecar-contract.ts'
import { ENV, POD_INFO_DIR, parseAssignment } from '../shared/sidecar-contract.ts'

export interface AgentConfig {
  readonly assignment: Assignment
  readonly pod: { readonly name: string; readonly uid: string; readonly node: string }
  /** Prefix below which absolute paths are found; empty in a container. */
  readonly rootDir: string
  readonly podInfoDir: string
  readonly healthPort: number
  /** Undefined: none is given, which is right where the namespace is not encrypted. */
  readonly key: KeyEncryptionKey | undefined
  /** For the crash tests: the step after which the process ends itself with SIGKILL. */
  readonly crashAfter: string | undefined
}

const DEFAULT_HEALTH_PORT = 9469

type Environment = Readonly<Record<string, string | undefined>>

/** Throws one sentence about what is missing, or about a key that is none. */
export function readConfig(env: Environment): AgentConfig {
  const rootDir = env[ENV.root] ?? ''
  return {
    assignment: parseAssignment(required(env, ENV.assignment)),
    pod: {
      name: required(env, ENV.podName),
      uid: required(env, ENV.podUid),
      node: env[ENV.nodeName] ?? '',
    },
    rootDir,
    podInfoDir: rootDir + POD_INFO_DIR,
    healthPort: Number(env['HOLDFAST_HEALTH_PORT'] ?? DEFAULT_HEALTH_PORT),
    key: readKeyEncryptionKey(env, 'HOLDFAST_KEY'),
    crashAfter: env['HOLDFAST_CRASH_AFTER'],
  }
}

export function readPodUid(env: Environment): string {
  return required(env, ENV.podUid)
}

function required(env: Environment, name: string): string {
  const value = env[name]
  if (value !== undefined && value !== '') return value
  throw new HoldfastError(
    `${name} is not set: this program runs as the sidecar that the Holdfast webhook injects; outside of a pod use the command "holdfast"`,
  )
}
