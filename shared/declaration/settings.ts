/** The keys of the DSL that a pod, its Namespace and the service may each say, by their path in it. */
import type { HookInput, PolicyInput, StateInput } from './schema.ts'

/** As the sidecar is told it. */
export interface Hook {
  readonly http?: string
  readonly exec?: string[]
  readonly timeoutMs: number
  readonly onError: 'fail' | 'continue'
}

const HOOK_TIMEOUT_MS = 10_000

export interface Settings {
  /** Milliseconds. */
  'backup.within': number
  'backup.before': Hook | null
  'backup.after': Hook | null
  /** Milliseconds. */
  'keep.all': number
  'keep.hourly': number
  'keep.daily': number
  'keep.weekly': number
  'restore.images': boolean
  'restore.whenEmpty': 'resume' | 'fresh' | 'fail'
  /** The URL of the repository; null: nobody said it. */
  store: string | null
  'allow.exec': boolean
  'allow.hostPath': boolean
  'allow.rootAgent': boolean
  'allow.images': boolean
}

/** What counts where nobody says anything. */
export const BUILT_IN: Settings = {
  'backup.within': 5000,
  'backup.before': null,
  'backup.after': null,
  'keep.all': 86_400_000,
  'keep.hourly': 48,
  'keep.daily': 14,
  'keep.weekly': 8,
  'restore.images': true,
  'restore.whenEmpty': 'resume',
  store: null,
  'allow.exec': false,
  'allow.hostPath': false,
  'allow.rootAgent': false,
  'allow.images': false,
}

type FullInput = Exclude<StateInput, string | readonly unknown[]>

/** The keys that `input` says, of those without a shape of their own. */
export function flattenSettings(input: FullInput | PolicyInput): Partial<Settings> {
  const { backup, keep, restore } = input
  const policy = input as PolicyInput
  return withoutUndefined({
    'backup.within': backup?.within,
    'keep.all': keep?.all,
    'keep.hourly': keep?.hourly,
    'keep.daily': keep?.daily,
    'keep.weekly': keep?.weekly,
    'restore.images': restore?.images,
    'restore.whenEmpty': restore?.whenEmpty,
    store: policy.store,
    'allow.exec': policy.allow?.exec,
    'allow.hostPath': policy.allow?.hostPath,
    'allow.rootAgent': policy.allow?.rootAgent,
    'allow.images': policy.allow?.images,
  })
}

export function readHook(input: HookInput): Hook {
  const { http, exec, timeout = HOOK_TIMEOUT_MS, onError = 'fail' } = input
  return withoutUndefined({ http, exec, timeoutMs: timeout, onError })
}

type Defined<T> = {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
} & { [K in keyof T as undefined extends T[K] ? never : K]: T[K] }

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== undefined),
  ) as Defined<T>
}
