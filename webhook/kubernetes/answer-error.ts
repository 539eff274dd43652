/** What an answer that is no success means, in a sentence that names what was asked for. */
import type { ClusterCall } from './cluster-api.ts'
import {
  ClusterError,
  ClusterUnreachableError,
  ConflictError,
  ExpiredError,
  ForbiddenError,
  MissingObjectError,
} from './cluster-error.ts'

/** A call, or a watch (which has no name). */
export type Asked = Pick<ClusterCall, 'resource' | 'namespace' | 'name' | 'subresource'> & {
  readonly verb: ClusterCall['verb'] | 'watch'
}

const TOO_MANY_REQUESTS = 429

/** @param body of the answer: a Status object, as a rule. */
export function answerError(asked: Asked, status: number, body: string): Error {
  const said = messageOf(body) ?? `status ${status}`
  const what = `${asked.verb} ${subject(asked)}`
  if (status === 401)
    return new ForbiddenError(
      `the API server does not know us (${what}: ${said}); look at the ServiceAccount's token, or at the kubeconfig`,
    )
  if (status === 403)
    return new ForbiddenError(`${what} is not allowed: ${said}; ${rightToGive(asked)}`)
  if (status === 404) return new MissingObjectError(`${subject(asked)} does not exist (${said})`)
  if (status === 409) return new ConflictError(`${what}: somebody else was first (${said})`)
  if (status === 410) return new ExpiredError(`${what}: ${said}`)
  if (status === TOO_MANY_REQUESTS || status >= 500)
    return new ClusterUnreachableError(
      `the API server cannot answer now (${what}: ${status}, ${said})`,
    )
  return new ClusterError(`the API server refused ${what}: ${said}`)
}

/** No answer came, or half of one. */
export function noAnswerError(asked: Asked, cause: unknown): ClusterUnreachableError {
  return new ClusterUnreachableError(
    `the API server does not answer (${asked.verb} ${subject(asked)}: ${reasonOf(cause)})`,
    { cause },
  )
}

/** A token or key that is not there: as good as no API server, until it is. */
export function noCredentialsError(cause: unknown): ClusterUnreachableError {
  const { message } = cause as Error
  return new ClusterUnreachableError(
    `our credentials for the API server cannot be read: ${message}`,
    { cause },
  )
}

function reasonOf(cause: unknown): string {
  const { name, code, message } = cause as NodeJS.ErrnoException
  return name === 'AbortError' || name === 'TimeoutError' ? 'too late' : (code ?? message)
}

function subject({ resource, namespace, name, subresource }: Asked): string {
  const kind = qualified(resource.plural, subresource)
  const one = name === undefined ? kind : `${kind} "${name}"`
  return namespace === undefined ? one : `${one} of namespace ${namespace}`
}

/** A right as a role would give it. */
function rightToGive({ verb, resource, subresource }: Asked): string {
  const group = resource.group === '' ? '' : ` (apiGroup ${resource.group})`
  return `if a right is missing, give our ServiceAccount the verb "${verb}" on ${qualified(resource.plural, subresource)}${group}`
}

function qualified(plural: string, subresource: string | undefined): string {
  return subresource === undefined ? plural : `${plural}/${subresource}`
}

function messageOf(body: string): string | undefined {
  try {
    const { message } = JSON.parse(body) as { message?: unknown }
    return typeof message === 'string' && message !== '' ? message : undefined
  } catch {
    return undefined
  }
}
