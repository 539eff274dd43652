/**
 * A pod that declares state gets its sidecar:
 *   take off what an earlier injection added [strip-injection]
 *   read declaration, policy, stream and pin [injection-request]
 *   find the mounts that the declared paths need, and where the sidecar has them [volumes, mount-placement]
 *   settle user and resources [run-as, resources]
 *   set the pinned images [image-pin]
 *   put the container, its volume, the grace period and the annotations in place.
 * Pure, and the same again on its own result: `inject(inject(p)) = inject(p)`.
 */
import { UsageError } from '../../shared/errors.ts'
import { KEY, type Assignment } from '../../shared/sidecar-contract.ts'
import { injectedValue } from './identity.ts'
import { pinImages, versionedContainers } from './image-pin.ts'
import type { InjectionContext } from './injection-context.ts'
import {
  asksForHoldfast,
  hasExecHook,
  readRequest,
  type InjectionRequest,
} from './injection-request.ts'
import { placeMounts, type Placement } from './mount-placement.ts'
import { annotationOf, copyPod, isNativeSidecar, labelOf, type Container, type Pod } from './pod.ts'
import { Refusal } from './refusal.ts'
import { growPodResources, sidecarResources } from './resources.ts'
import { runAsOf } from './run-as.ts'
import { keepForeignParts, podInfoVolume, sidecarContainer } from './sidecar.ts'
import { stripInjection, type Stripped } from './strip-injection.ts'
import { subPathEnv } from './sub-path-env.ts'
import { templateHash } from './template-hash.ts'
import { isSamePlace, mountsOf, stateContainers, type PathMounts } from './volumes.ts'

export interface Injection {
  /** The object itself where Holdfast has nothing to do with it, else a changed copy. */
  readonly pod: unknown
  readonly warnings: readonly string[]
}

const DEFAULT_GRACE_SECONDS = 30
const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container'

/** `object` is a pod as the admission request has it. Never throws over what is in it. */
export function inject(object: unknown, context: InjectionContext): Injection | Refusal {
  if (!asksForHoldfast(object, context)) return { pod: object, warnings: [] }
  try {
    return injectInto(copyPod(object), context)
  } catch (error) {
    return asRefusal(error)
  }
}

/** Throws what is no refusal. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof UsageError) return new Refusal(error.message, 422, { cause: error })
  throw error
}

function injectInto(pod: Pod, context: InjectionContext): Injection {
  const { service, facts } = context
  const request = readRequest(pod, context)
  if (pod.spec.os?.name === 'windows')
    throw new Refusal(`the pod runs on Windows; take ${KEY.state} off: the sidecar is for Linux`)
  const stripped = stripInjection(pod, service.flushSeconds)
  const hash = templateHash(pod)
  const paths = request.declaration.paths.map((declared) =>
    mountsOf(pod, declared, request.policy['allow.hostPath'].value),
  )
  const placement = placeMounts(paths)
  const readers = paths.map((path) => path.container)
  const runAs = runAsOf(pod, readers, writersOf(pod, paths), {
    allowRoot: request.policy['allow.rootAgent'].value,
    restricted: facts.restricted,
  })
  const resources = sidecarResources(pod, placement.mounts, facts.containerBounds ?? [])
  const authored = new Map(versionedContainers(pod).map(({ name, image }) => [name, image]))
  const pinWarnings = applyPin(pod, request, context, hash)
  const grace =
    (pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) + service.flushSeconds
  const assignment = assignmentOf(pod, request, context, paths, placement, {
    hash,
    grace,
    authored,
  })
  const mounts = placement.mounts.map(({ mount }) => mount)
  const parts = { assignment, runAs, resources, mounts, env: subPathEnv(paths) }
  putInPlace(pod, sidecarContainer(parts, service), assignment, stripped)
  const warnings = [...pinWarnings, ...paths.flatMap((path) => path.warnings), ...runAs.warnings]
  return { pod, warnings: [...new Set(warnings)] }
}

/** Containers, beside those that the paths are read through, that write the same places. */
function writersOf(pod: Pod, paths: readonly PathMounts[]): Container[] {
  const state = paths.flatMap((path) => path.mounts.map(({ mount }) => mount))
  return stateContainers(pod).filter((container) =>
    (container.volumeMounts ?? []).some(
      (mount) => mount.readOnly !== true && state.some((one) => isSamePlace(one, mount)),
    ),
  )
}

/** Sets the pinned images; warnings for a person. */
function applyPin(
  pod: Pod,
  request: InjectionRequest,
  context: InjectionContext,
  hash: string,
): string[] {
  const { resolved } = context
  const pin = labelOf(pod, KEY.restore)
  if (request.pin === null || pin === undefined) return []
  if (resolved === null)
    throw new Refusal(`${KEY.restore}=${pin} has not been resolved to a version; try again`, 503)
  const { app, slot } = request.identity
  const warnings: string[] = []
  if (resolved.version === null && request.pin.kind !== 'fresh')
    warnings.push(
      `${KEY.restore}=${pin} finds no version of ${context.namespace}/${app}/${slot ?? '(its slot)'}: the pod starts fresh`,
    )
  if (request.policy['restore.images'].value)
    warnings.push(...pinImages(pod, pin, resolved, request.policy['allow.images'].value))
  if (resolved.templateHash !== undefined && resolved.templateHash !== hash)
    warnings.push(
      `the pod template differs from the one that ${KEY.restore}=${pin} was made under, not only in its images; env, ConfigMaps and Secrets are not pinned`,
    )
  return warnings
}

interface Derived {
  readonly hash: string
  /** Seconds. */
  readonly grace: number
  /** The images as the author wrote them, by container. */
  readonly authored: ReadonlyMap<string, Container['image']>
}

function assignmentOf(
  pod: Pod,
  request: InjectionRequest,
  context: InjectionContext,
  paths: readonly PathMounts[],
  placement: Placement,
  derived: Derived,
): Assignment {
  const { identity, policy } = request
  return {
    namespace: context.namespace,
    app: identity.app,
    slot: identity.slot,
    store: request.store,
    pin: labelOf(pod, KEY.restore) ?? null,
    restoreRequest: request.restoreRequest,
    paths: paths.map(({ declared }, index) => ({
      path: declared.path,
      at: placement.pathsAt[index] as string,
      as: declared.as,
      exclude: [...declared.exclude],
    })),
    volumes: placement.mounts.map(({ at, sizeLimitBytes, memory }) => ({
      at,
      sizeLimitBytes,
      memory,
    })),
    withinMs: policy['backup.within'].value,
    before: policy['backup.before'].value,
    after: policy['backup.after'].value,
    ...(hasExecHook(policy) && { hookContainer: paths[0]?.container.name as string }),
    whenEmpty: policy['restore.whenEmpty'].value,
    keep: {
      allMs: policy['keep.all'].value,
      hourly: policy['keep.hourly'].value,
      daily: policy['keep.daily'].value,
      weekly: policy['keep.weekly'].value,
    },
    images: versionedContainers(pod).flatMap(({ name, image }) => {
      const template = derived.authored.get(name)
      if (!image) return []
      return [{ container: name, image, ...(template && template !== image && { template }) }]
    }),
    templateHash: derived.hash,
    graceSeconds: derived.grace,
    exclusive: identity.exclusive,
    injected: injectedValue(context.namespace, identity, pod),
    service: context.service.agentService,
  }
}

function putInPlace(pod: Pod, fresh: Container, assignment: Assignment, stripped: Stripped): void {
  const { earlier, volumeIndex } = stripped
  const sidecar = earlier === null ? fresh : keepForeignParts(fresh, earlier)
  const stateVolumes = new Set(fresh.volumeMounts?.map((mount) => mount.name))
  const { spec, metadata } = pod
  spec.initContainers ??= []
  spec.initContainers.splice(sidecarIndex(spec.initContainers, stateVolumes), 0, sidecar)
  spec.volumes ??= []
  spec.volumes.splice(
    volumeIndex < 0 ? spec.volumes.length : volumeIndex,
    0,
    podInfoVolume(assignment),
  )
  spec.terminationGracePeriodSeconds = assignment.graceSeconds
  growPodResources(pod, sidecar.resources, 1n)
  metadata.annotations ??= {}
  metadata.annotations[KEY.injected] = assignment.injected
  if (annotationOf(pod, DEFAULT_CONTAINER) === undefined)
    metadata.annotations[DEFAULT_CONTAINER] = spec.containers[0]?.name as string
}

/**
 * Before the first init container that mounts the state, so that it finds the state; behind the native sidecars that
 * stand before that one (a mesh has to be up), and else as early as can be.
 */
function sidecarIndex(inits: readonly Container[], stateVolumes: ReadonlySet<string>): number {
  const mounting = inits.findIndex((container) =>
    (container.volumeMounts ?? []).some((mount) => stateVolumes.has(mount.name)),
  )
  const before = mounting < 0 ? inits : inits.slice(0, mounting)
  return before.findLastIndex(isNativeSidecar) + 1
}
