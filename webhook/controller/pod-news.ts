/** Pure: what a person should know of a pod, whatever its agent says. */
import { KEY } from '../../shared/sidecar-contract.ts'
import type { EventSubject } from './events.ts'
import type { PodFacts, PodRef } from './pod-facts.ts'
import type { EventReason } from './reasons.ts'
import type { Told } from './told.ts'
import { readUnshipped, unshippedWords } from './unshipped.ts'

export interface News {
  readonly subject: EventSubject
  readonly told: Told
}

/** What is left to know of a pod when it has gone. */
export type EndedPod = PodRef & Pick<PodFacts, 'owner' | 'condition'>

/** Of a pod that is there. */
export function newsOfPod(pod: PodFacts): News[] {
  if (pod.ended || pod.terminating) return []
  return [...withoutSidecar(pod), ...ignoredLabel(pod), ...pinnedImages(pod)]
}

/**
 * Of a pod that has gone, or whose containers have all ended. Said of its workload, where it has one: people look for it
 * when the pod is not there any more.
 */
export function newsOfEnd(pod: EndedPod): News[] {
  const unshipped = pod.condition === null ? undefined : readUnshipped(pod.condition.message)
  if (pod.condition === null || unshipped === undefined) return []
  const { reason, heardAt } = pod.condition
  const what = `pod ${pod.name} has gone with ${unshippedWords(unshipped)}`
  const note =
    reason === 'Ended'
      ? `${what}; they are lost where its volume has gone, too`
      : `${what}, as its agent reported last, at ${heardAt}: what it shipped after that is not known here; holdfast versions shows it`
  return [news(pod, 'Warning', 'Replicate', 'GoneUnshipped', note, 'gone')]
}

function withoutSidecar(pod: PodFacts): News[] {
  if (!pod.declares || pod.admitted !== null) return []
  const note = `pod ${pod.name} declares ${KEY.state} and runs without the sidecar: nothing of it is shipped; it was created while the webhook was not registered, or another webhook took the sidecar out. Delete the pod to have it created anew`
  return [news(pod, 'Warning', 'Inject', 'NotInjected', note, 'not injected')]
}

function ignoredLabel(pod: PodFacts): News[] {
  const { admitted, restoreLabel } = pod
  if (admitted === null || restoreLabel === null || restoreLabel === admitted.pin) return []
  const was = admitted.pin === null ? 'without it' : `with ${admitted.pin}`
  const note = `${KEY.restore}=${restoreLabel} on a live pod does nothing: it was created ${was}, and is restored as it was created. Set the label on the pod template`
  return [ofPod(pod, 'Warning', 'RestoreIgnored', note)]
}

function pinnedImages(pod: PodFacts): News[] {
  const { pin = null, pinnedImages: images = [] } = pod.admitted ?? {}
  return images.map(({ container, image, template }) => {
    const note = `${KEY.restore}=${pin} runs container "${container}" with ${image}; the template says ${template}`
    return ofPod(pod, 'Normal', 'ImagePinned', note)
  })
}

function ofPod(pod: PodFacts, type: Told['type'], reason: EventReason, note: string): News {
  return {
    subject: { pod, owner: null },
    told: { type, action: 'Restore', reason, note, once: note },
  }
}

function news(
  pod: EndedPod,
  type: Told['type'],
  action: string,
  reason: EventReason,
  note: string,
  once: string,
): News {
  return { subject: { pod, owner: pod.owner }, told: { type, action, reason, note, once } }
}
