/** Pods and volumes of the model: what is true of them, as their makers know it, not as the agent believes. */
import { readMark } from '../../agent/volume/mark.ts'
import type { SimAgent } from './sim-agent.ts'
import type { Content } from './values.ts'

export interface Volume {
  readonly name: string
  /** The declared path that it is mounted at, by index. */
  readonly root: number
  readonly dir: string
  /** What it held when the last one who ran let go of the scheduler. */
  content: Content
  /** The number of the version or restore that its content is, or continues; 0 for none. */
  tip: number
  /** A restore has begun to change it, and it is neither what it was nor what it shall be. */
  half: boolean
}

/** What a volume was at some moment. */
export interface Before {
  readonly content: Content
  readonly tip: number
  readonly half: boolean
  /** Its mark says that a restore has begun, though it may not have changed a byte yet. */
  readonly dirty: boolean
}

export interface Pod {
  readonly id: number
  readonly name: string
  readonly volumes: readonly Volume[]
  readonly pin: string | null
  readonly restoreRequest: string | null
  agent: SimAgent
  /** Its containers may run; false once it was killed or has ended. */
  alive: boolean
  /** Its app has been let go, and is not stopped. */
  appRuns: boolean
  letGo: boolean
  /** SIGTERM was sent, at this virtual time. */
  terminatedMs: number | undefined
  /** The cluster still counts it. */
  inCluster: boolean
  paused: boolean
  /** Its agent was paused, ended or cut off once, or the app was let go without S3: continuity is not promised any more. */
  disturbed: boolean
  /** That its app was let go, as its agents know it. */
  readonly note: { slot: string | undefined }
  /** What its volumes held when its agent last began, or opened. */
  before: readonly Before[]
  /** All states of the volumes while it had them; a version must be one of them. */
  readonly states: { readonly content: Content; readonly half: boolean }[]
}

export function requestOf({ pin, restoreRequest }: Pod): string | null {
  return pin === null || restoreRequest === null ? pin : `${pin}/${restoreRequest}`
}

export function contentOf(volumes: readonly Volume[]): Content {
  return new Map(volumes.flatMap(({ content }) => [...content]))
}

export function rememberState(pod: Pod): void {
  pod.states.push({
    content: contentOf(pod.volumes),
    half: pod.volumes.some(({ half }) => half),
  })
}

export function rememberBefore(pod: Pod): void {
  pod.before = pod.volumes.map(({ dir, content, tip, half }) => {
    const dirty = readMark(dir)?.dirty === true
    return { content, tip, half, dirty }
  })
}
