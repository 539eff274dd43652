/**
 * Takes what an earlier injection added off a pod, so that injecting again begins from the pod as its author wrote it.
 * Judged by the containers: annotations of ours on a pod that is being created were copied from elsewhere.
 */
import {
  ENV,
  KEY,
  POD_INFO_VOLUME,
  SIDECAR_NAME,
  parseAssignment,
  type Assignment,
} from '../../shared/sidecar-contract.ts'
import { initContainers, type Container, type Pod } from './pod.ts'
import { Refusal } from './refusal.ts'
import { growPodResources } from './resources.ts'

/** Written by Holdfast about a pod; never read back. */
const WRITTEN_BY_HOLDFAST = [KEY.injected, KEY.lastVersion, KEY.lastBackup, KEY.restored, KEY.slot]

export interface EarlierInjection {
  readonly sidecar: Container
  /** Null: it does not read (another release, or edited by hand). */
  readonly assignment: Assignment | null
}

export interface Stripped {
  readonly earlier: EarlierInjection | null
  /** Where our volume stood; -1: there was none. */
  readonly volumeIndex: number
}

/** Changes `pod`. Throws a `Refusal` where a container or volume of the app's bears our name. */
export function stripInjection(pod: Pod, flushSeconds: number): Stripped {
  for (const key of WRITTEN_BY_HOLDFAST) delete pod.metadata.annotations?.[key]
  const earlier = takeSidecar(pod)
  const volumes = pod.spec.volumes ?? []
  const volumeIndex = volumes.findIndex((volume) => volume.name === POD_INFO_VOLUME)
  if (volumeIndex >= 0 && earlier === null) throw nameTaken('volume', POD_INFO_VOLUME)
  if (volumeIndex >= 0) volumes.splice(volumeIndex, 1)
  if (earlier !== null) {
    growPodResources(pod, earlier.sidecar.resources, -1n)
    takePinsOff(pod, earlier.assignment)
    shrinkGrace(pod, earlier.assignment, flushSeconds)
  }
  return { earlier, volumeIndex }
}

function takeSidecar(pod: Pod): EarlierInjection | null {
  const inits = initContainers(pod)
  const index = inits.findIndex((container) => container.name === SIDECAR_NAME)
  const sidecar = inits[index]
  const text = sidecar?.env?.find((variable) => variable.name === ENV.assignment)?.value
  const isTaken = pod.spec.containers.some((container) => container.name === SIDECAR_NAME)
  if (isTaken || (sidecar !== undefined && typeof text !== 'string'))
    throw nameTaken('container', SIDECAR_NAME)
  if (sidecar === undefined) return null
  inits.splice(index, 1)
  return { sidecar, assignment: tryParse(text as string) }
}

/** As the kubelet would expand it: `$$` is `$`. */
function tryParse(text: string): Assignment | null {
  try {
    return parseAssignment(text.replaceAll('$$', () => '$'))
  } catch {
    return null
  }
}

/** Where a pin of the earlier injection still stands, the image is what the author wrote. */
function takePinsOff(pod: Pod, assignment: Assignment | null): void {
  const all = [...pod.spec.containers, ...initContainers(pod)]
  for (const { container: name, image, template } of assignment?.images ?? [])
    for (const container of all)
      if (container.name === name && container.image === image && template !== undefined)
        container.image = template
}

/** The earlier injection recorded the period that it set: only then has the pod grown already. */
function shrinkGrace(pod: Pod, assignment: Assignment | null, flushSeconds: number): void {
  const grace = pod.spec.terminationGracePeriodSeconds
  if (typeof grace !== 'number' || assignment?.graceSeconds !== grace) return
  pod.spec.terminationGracePeriodSeconds = Math.max(0, grace - flushSeconds)
}

function nameTaken(what: string, name: string): Refusal {
  return new Refusal(
    `the pod has a ${what} of its own with the name "${name}", which Holdfast's needs; rename it`,
  )
}
