/** Workloads on file: what is applied, what stood there before, what is known beside it, and what is answered. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import jsonPatch, { type Operation } from 'fast-json-patch'
import { parse, stringify } from 'yaml'
import { HoldfastError, NotFoundError } from '../../shared/errors.ts'
import { checkWorkload, type CheckDependencies } from '../../webhook/admission/check-workload.ts'
import type { AdmissionAnswer } from '../../webhook/admission/review.ts'
import { stampWorkload } from '../../webhook/admission/stamp-workload.ts'
import type { RunningPod } from '../../webhook/workload/running-pods.ts'
import { toContext, type CaseContext } from './admission-case.ts'

export const WORKLOADS_DIR = fileURLToPath(new URL('workloads', import.meta.url))

/** `context.yaml` of a case; everything has a default. */
interface WorkloadContext extends CaseContext {
  /** What the store says of the pin instead of `resolved`. */
  readonly missing?: string
  readonly unknown?: string
  readonly pods?: readonly (Pick<RunningPod, 'name'> & {
    readonly ready?: boolean
    readonly terminating?: boolean
    readonly users?: Readonly<Record<string, { uid: number; gid: number }>>
  })[]
}

interface WorkloadObject {
  readonly apiVersion: string
  readonly kind: string
}

export function workloadCaseNames(): string[] {
  return readdirSync(WORKLOADS_DIR).toSorted()
}

/** `before.yaml` is a merge patch: what was different; without it, the workload is created. */
export function readWorkloadCase(name: string) {
  const read = (file: string): unknown => {
    const path = join(WORKLOADS_DIR, name, file)
    return existsSync(path) ? parse(readFileSync(path, 'utf8')) : undefined
  }
  const object = read('workload.yaml') as WorkloadObject
  const difference = read('before.yaml')
  const before = difference === undefined ? null : merged(object, difference)
  return { object, before, context: (read('context.yaml') ?? {}) as WorkloadContext }
}

/** As the API server asks. */
export function workloadReview(object: unknown, before: unknown, request: object = {}): object {
  const { apiVersion, kind } = object as WorkloadObject
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
      kind: { group: apiVersion.split('/')[0], version: 'v1', kind },
      operation: before === null ? 'CREATE' : 'UPDATE',
      namespace: 'shop',
      dryRun: false,
      object,
      oldObject: before,
      ...request,
    },
  }
}

export const STAMP_CLOCK = { now: () => new Date('2026-11-20T14:15:00.000Z') }

/** Both webhooks, one after the other, as the API server calls them; `expected.yaml`. */
export async function answersTo(name: string): Promise<string> {
  const { object, before, context } = readWorkloadCase(name)
  const review = workloadReview(object, before)
  const stamped = responseOf(await stampWorkload(review, { clock: STAMP_CLOCK }))
  const patch = patchOf(stamped)
  const next = patched(object, patch)
  const checked = await checkWorkload(workloadReview(next, before), dependenciesOf(context))
  const { allowed, status, warnings = [] } = responseOf(checked)
  return stringify(
    {
      stamp: patch,
      check: {
        ...(allowed ? {} : { refused: { code: status?.code, message: status?.message } }),
        warnings,
      },
    },
    { lineWidth: 0 },
  )
}

export function patched(object: unknown, patch: Operation[]): unknown {
  return jsonPatch.applyPatch(structuredClone(object), patch).newDocument
}

interface Response {
  readonly allowed: boolean
  readonly patch?: string
  readonly warnings?: readonly string[]
  readonly status?: { readonly code: number; readonly message: string }
}

export function responseOf({ review }: AdmissionAnswer): Response {
  return (review as { response: Response }).response
}

export function patchOf({ patch }: Response): Operation[] {
  if (patch === undefined) return []
  return JSON.parse(Buffer.from(patch, 'base64').toString()) as Operation[]
}

function dependenciesOf(said: WorkloadContext): CheckDependencies {
  const { service, facts, resolved } = toContext(said)
  return {
    service,
    deadlineMs: 4000,
    policies: { factsOf: async () => facts },
    async resolvePin() {
      if (said.missing !== undefined) throw new NotFoundError(said.missing)
      if (said.unknown !== undefined) throw new HoldfastError(said.unknown)
      if (resolved === null) throw new TypeError('the case says nothing of its pin')
      return resolved
    },
    pods: {
      podsOf: async () =>
        (said.pods ?? []).map(({ name, ready = true, terminating = false, users = {} }) => ({
          name,
          ready,
          terminating,
          users: new Map(Object.entries(users)),
        })),
    },
  }
}

/** JSON Merge Patch (RFC 7386). */
function merged(object: unknown, difference: unknown): unknown {
  if (!isMap(difference)) return difference
  const result = isMap(object) ? { ...object } : {}
  for (const [key, value] of Object.entries(difference))
    if (value === null) delete result[key]
    else result[key] = merged(result[key], value)
  return result
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
