/** What the declaration wants called around a capture: the app quiesces, the picture is taken, the app goes on. */
import { HoldfastError } from '../../shared/errors.ts'
import type { Assignment } from '../../shared/sidecar-contract.ts'
import type { AppState } from './app-state.ts'
import type { TakeCapture } from './committer.ts'

type Hook = NonNullable<Assignment['before']>

/** The hook said no, or did not answer in time, and the declaration says `onError: fail`. */
export class HookError extends HoldfastError {}

/** Takes pictures of the state between the declared hooks; `after` is called whatever became of the picture. */
export function takeBetweenHooks(
  state: AppState,
  { before, after }: Pick<Assignment, 'before' | 'after'>,
  warn: (sentence: string) => void,
): TakeCapture {
  if (before === null && after === null) return (held, packs) => state.take(held, packs)
  const call = async (name: 'before' | 'after', hook: Hook | null) => {
    const problem = hook === null ? undefined : await callHook(name, hook)
    if (problem !== undefined) warn(problem)
  }
  return async (held, packs) => {
    if (!(await state.mayDiffer(held))) return state.take(held, packs)
    try {
      await call('before', before)
      return await state.take(held, packs)
    } finally {
      await call('after', after)
    }
  }
}

/** Calls a hook. Throws `HookError`, unless it may fail: then the sentence is returned. */
async function callHook(name: 'before' | 'after', hook: Hook): Promise<string | undefined> {
  const problem = await post(hook)
  if (problem === undefined) return undefined
  const sentence = `the hook backup.${name} ${problem}`
  if (hook.onError === 'fail') throw new HookError(sentence)
  return sentence
}

async function post({ http = '', timeoutMs }: Hook): Promise<string | undefined> {
  try {
    const response = await fetch(http, {
      method: 'POST',
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error',
    })
    await response.arrayBuffer()
    return response.ok ? undefined : `(POST ${http}) answered ${response.status}`
  } catch (error) {
    return `(POST ${http}) failed within ${timeoutMs} ms: ${causeOf(error)}`
  }
}

function causeOf(error: unknown): string {
  const cause = (error as Error).cause as NodeJS.ErrnoException | undefined
  return cause?.code ?? (error as Error).name
}
