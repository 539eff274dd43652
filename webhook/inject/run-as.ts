/**
 * The sidecar's user: `holdfast.dev/run-as`, else the app's own securityContext, else a refusal. A wrong guess would
 * be no weak backup but a restore that the app may not write.
 */
import { KEY } from '../../shared/sidecar-contract.ts'
import { annotationOf, type Container, type Pod } from './pod.ts'
import { Refusal } from './refusal.ts'

export interface RunAs {
  readonly user: number
  /** Undefined: nobody says it. */
  readonly group: number | undefined
  readonly seLinuxOptions: Record<string, unknown> | undefined
  readonly warnings: readonly string[]
}

export interface RunAsRules {
  /** The Namespace (or the service) allows a sidecar as root. */
  readonly allowRoot: boolean
  /** Pod Security `restricted` is enforced, which admits no root. */
  readonly restricted: boolean
}

const UID_GID = /^(\d{1,10}):(\d{1,10})$/
/** Kubernetes' own bound for runAsUser. */
const MAX_ID = 2_147_483_647

/**
 * `readers` are the containers that paths are read through, `writers` the others that write the same places.
 * Throws a `Refusal` where the user is unknown, or would have to be root without leave.
 */
export function runAsOf(
  pod: Pod,
  readers: readonly Container[],
  writers: readonly Container[],
  rules: RunAsRules,
): RunAs {
  const seLinuxOptions = readers.find((c) => c.securityContext?.seLinuxOptions)?.securityContext
    ?.seLinuxOptions as Record<string, unknown> | undefined
  const said = saidRunAs(pod)
  const owners = ownersOf(pod, readers, said === undefined, writers)
  if (said !== undefined) {
    if (said.user === 0) requireRootLeave(rules, `${KEY.runAs} says uid 0`)
    return { ...said, seLinuxOptions, warnings: otherOwners(said.user, owners) }
  }
  const users = new Set(owners.map((owner) => owner.user))
  if (users.size > 1 || users.has(0)) {
    requireRootLeave(rules, rootReason(owners, users.size > 1))
    return { user: 0, group: 0, seLinuxOptions, warnings: [] }
  }
  const [owner] = owners as [Owner]
  const group = groupOf(pod, owner.container)
  return {
    user: owner.user,
    group,
    seLinuxOptions,
    warnings: group === undefined ? [NO_GROUP] : [],
  }
}

const NO_GROUP =
  'runAsGroup is not said: files may come back with another group; say it in the securityContext beside runAsUser'

interface Owner {
  readonly container: Container
  readonly user: number
}

function saidRunAs(pod: Pod): { user: number; group: number } | undefined {
  const text = annotationOf(pod, KEY.runAs)
  if (text === undefined) return undefined
  const match = UID_GID.exec(text.trim())
  const [user, group] = [Number(match?.[1]), Number(match?.[2])]
  if (match !== null && user <= MAX_ID && group <= MAX_ID) return { user, group }
  throw new Refusal(
    `annotation ${KEY.runAs} is ${JSON.stringify(text.slice(0, 60))}; write it as "uid:gid", two numbers up to ${MAX_ID}, for example "1000:1000"`,
  )
}

function ownersOf(
  pod: Pod,
  readers: readonly Container[],
  needed: boolean,
  writers: readonly Container[],
): Owner[] {
  const owners: Owner[] = []
  for (const container of new Set([...readers, ...writers])) {
    const user = container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser
    if (typeof user === 'number') owners.push({ container, user })
    else if (needed && readers.includes(container)) throw unknownUser(container)
  }
  return owners
}

function groupOf(pod: Pod, container: Container): number | undefined {
  return container.securityContext?.runAsGroup ?? pod.spec.securityContext?.runAsGroup ?? undefined
}

/** Nobody says the user of `container` before it runs. */
export class UnknownUserRefusal extends Refusal {
  readonly container: string
  constructor(container: string, message: string) {
    super(message)
    this.container = container
  }
}

function unknownUser(container: Container): UnknownUserRefusal {
  return new UnknownUserRefusal(
    container.name,
    `the user of container "${container.name}" is not known before it runs: neither its securityContext nor the pod's has runAsUser; say it there, or by the annotation ${KEY.runAs}: "uid:gid" on the pod template ("kubectl exec POD -c ${container.name} -- id" shows both)`,
  )
}

function rootReason(owners: readonly Owner[], mixed: boolean): string {
  const list = owners.map(({ container, user }) => `"${container.name}" as ${user}`).join(', ')
  return mixed ? `the state has several owners (${list})` : `the state's owner is root (${list})`
}

function requireRootLeave(rules: RunAsRules, reason: string): void {
  if (rules.restricted)
    throw new Refusal(
      `${reason}, and the Namespace enforces Pod Security "restricted", which admits no sidecar as root; run the app as one user other than 0, or name one by ${KEY.runAs}`,
      403,
    )
  if (!rules.allowRoot)
    throw new Refusal(
      `${reason}, so only a sidecar as root could give the files back; run the app as one user other than 0, name one by ${KEY.runAs}, or have an administrator allow it by the Namespace's annotation ${KEY.policy}: "allow: {rootAgent: true}"`,
      403,
    )
}

function otherOwners(user: number, owners: readonly Owner[]): string[] {
  const others = owners.filter((owner) => owner.user !== user && user !== 0)
  return others.map(
    ({ container, user: other }) =>
      `the sidecar runs as ${user}, container "${container.name}" as ${other}: files of ${other} cannot be given back`,
  )
}
