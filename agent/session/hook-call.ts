import type { Assignment } from '../../shared/sidecar-contract.ts'
import { ServiceError, type Service } from '../service/service.ts'

export type Hook = NonNullable<Assignment['before']>

export interface HookFailure {
  /** As a part of a sentence: `(POST http://localhost:8080/freeze) answered 500`. */
  readonly why: string
  /** The app cannot have heard it: nobody listens there, or nobody has run it. */
  readonly unheard: boolean
}

/** Who runs commands in the app's container; null: nobody. */
export type HookRunner = Pick<Service, 'runHook'> | null

/** Calls a hook once. Undefined when it did what it should in its time. */
export function callHook(
  which: 'before' | 'after',
  hook: Hook,
  runner: HookRunner,
  signal?: AbortSignal,
): Promise<HookFailure | undefined> {
  const { http, exec = [], timeoutMs } = hook
  return http === undefined
    ? runCommand(which, exec, timeoutMs, runner, signal)
    : post(http, timeoutMs, signal)
}

/** The service takes the command from the pod as it was admitted: it is only told which one. */
async function runCommand(
  which: 'before' | 'after',
  command: readonly string[],
  timeoutMs: number,
  runner: HookRunner,
  signal: AbortSignal | undefined,
): Promise<HookFailure | undefined> {
  const what = `(exec ${command.join(' ')})`
  if (runner === null)
    return { why: `${what} cannot be run: this pod was told of no service to do it`, unheard: true }
  try {
    const { exitCode, output } = await runner.runHook(which, timeoutMs, signal)
    if (exitCode === 0) return undefined
    const said = output.trim() === '' ? '' : `: ${output.trim()}`
    return { why: `${what} ended with exit code ${exitCode}${said}`, unheard: false }
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    return { why: `${what} was not seen to succeed: ${error.message}`, unheard: error.undone }
  }
}

/** Redirects are not followed: they may lead out of the pod. */
async function post(
  http: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<HookFailure | undefined> {
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
