import type { Assignment } from '../../shared/sidecar-contract.ts'

export type Hook = NonNullable<Assignment['before']>

export interface HookFailure {
  /** As a part of a sentence: `(POST http://localhost:8080/freeze) answered 500`. */
  readonly why: string
  /** The app cannot have heard it: nobody listens there. */
  readonly unheard: boolean
}

/** Calls a hook once. Undefined when it answered with 2xx in its time. Redirects are not followed: they may lead out of the pod. */
export async function callHook(
  { http, timeoutMs }: Hook,
  signal?: AbortSignal,
): Promise<HookFailure | undefined> {
  if (http === undefined)
    return { why: 'is a command, which this release cannot run', unheard: true }
  const inTime = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(http, {
      method: 'POST',
      signal: signal === undefined ? inTime : AbortSignal.any([inTime, signal]),
      redirect: 'error',
    })
    await response.body?.cancel()
    if (response.ok) return undefined
    return { why: `(POST ${http}) answered ${response.status}`, unheard: false }
  } catch (error) {
    const cause = causeOf(error)
    const why = `(POST ${http}) failed within ${timeoutMs} ms: ${cause}`
    return { why, unheard: cause === 'ECONNREFUSED' }
  }
}

function causeOf(error: unknown): string {
  const cause = (error as Error).cause as NodeJS.ErrnoException | undefined
  return cause?.code ?? (error as Error).name
}
