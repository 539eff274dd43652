import { UsageError } from './errors.ts'

/** The history of one replica of one app: `<namespace>/<app>/<slot>`. Each part is a part of a key, so each is a DNS label or subdomain. */
export interface StreamName {
  readonly namespace: string
  readonly app: string
  readonly slot: string
}

/** Lower-case letters, digits, `-` and `.`, beginning and ending with a letter or digit: a Kubernetes object name (RFC 1123 subdomain). */
const PART = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/

/** Undefined when `text` may be a part of a stream's name, else what is wrong with it, as the end of a sentence. */
export function streamPartProblem(text: string): string | undefined {
  if (PART.test(text) && !text.includes('..')) return undefined
  return 'is no Kubernetes name: allowed are lower-case letters, digits, "-" and ".", beginning and ending with a letter or digit, 253 at most'
}

/** Reads `shop/shop/0`. Throws a `UsageError` that names the part at fault. */
export function parseStreamName(text: string): StreamName {
  const [namespace, app, slot, ...rest] = text.split('/')
  if (namespace === undefined || app === undefined || slot === undefined || rest.length > 0)
    throw new UsageError(
      `stream "${text}" has ${text.split('/').length} part(s): write it as NAMESPACE/APP/SLOT, for example shop/shop/0`,
    )
  for (const [role, part] of Object.entries({ namespace, app, slot })) {
    const problem = streamPartProblem(part)
    if (problem !== undefined)
      throw new UsageError(`stream "${text}": the ${role} "${part}" ${problem}`)
  }
  return { namespace, app, slot }
}

export function formatStreamName(stream: StreamName): string {
  return `${stream.namespace}/${stream.app}/${stream.slot}`
}
