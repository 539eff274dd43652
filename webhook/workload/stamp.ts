/**
 * The workload's template gets a `restore-request` when a pin appears or changes without one of its own, keeps it while
 * the pin stays, and loses it with the pin: a tool that applies what it knows neither takes a request back nor makes
 * a second one of it.
 */
import { createHash } from 'node:crypto'
import { formatPinTime } from '../../shared/pin.ts'
import { KEY } from '../../shared/sidecar-contract.ts'
import { pinRequestOf, type PinRequest } from './pin-request.ts'
import { readWorkload, templatePath, type WorkloadKind } from './workload.ts'

/** Values that were stamped; they sort by their time. */
const STAMP = /^\d{8}T\d{6}Z-[0-9a-f]{8}$/

/** A value that no other request has. @param uid of the admission request. */
export function newStamp(now: Date, uid: string): string {
  const part = createHash('sha256').update(uid).digest('hex').slice(0, 8)
  return `${formatPinTime(now)}-${part}`
}

/**
 * The workload as it is to be stored: itself, or a changed copy. The same again on its own result.
 * @param before the workload as it is stored; null: it is created.
 * @param fresh a new stamp.
 */
export function stamp(
  kind: WorkloadKind,
  object: unknown,
  before: unknown,
  fresh: string,
): unknown {
  const [workload, old] = [object, before].map((one) => readWorkload(kind, one))
  if (workload === undefined) return object
  // Whoever makes one workload after the other from one template asks once, in that template.
  if (before === null && workload.isOwned) return object
  const now = pinRequestOf(workload.template)
  const request = requestFor(now, old === undefined ? null : pinRequestOf(old.template), fresh)
  return request === now.request ? object : withRequest(kind, object, request)
}

function requestFor(now: PinRequest, old: PinRequest | null, fresh: string): string | undefined {
  if (now.pin === undefined) {
    const isLeftOver = old?.pin !== undefined && old.request === now.request
    return isLeftOver ? undefined : now.request
  }
  if (now.pin !== old?.pin) {
    const isOfOldPin = now.request === old?.request && isStamp(now.request)
    return isOfOldPin ? fresh : (now.request ?? fresh)
  }
  return isCopyFromBefore(now.request, old.request) ? old.request : now.request
}

/** Nothing, or a stamp that is older than the one in its place: nobody asks for something new by it. */
function isCopyFromBefore(now: string | undefined, old: string | undefined): boolean {
  return now === undefined || (isStamp(now) && isStamp(old) && now <= old)
}

function isStamp(request: string | undefined): request is string {
  return request !== undefined && STAMP.test(request)
}

interface Template {
  metadata: { annotations?: Record<string, string> | null }
}

function withRequest(kind: WorkloadKind, object: unknown, request: string | undefined): unknown {
  const copy = structuredClone(object)
  const template = templatePath(kind).reduce<unknown>(
    (part, key) => (part as Record<string, unknown>)[key],
    copy,
  ) as Template
  if (request === undefined) delete template.metadata.annotations?.[KEY.restoreRequest]
  else
    template.metadata.annotations = {
      ...template.metadata.annotations,
      [KEY.restoreRequest]: request,
    }
  return copy
}
