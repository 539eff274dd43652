/** What the pods' own admission cannot see, and what could only fail later. */
import { KEY } from '../../shared/sidecar-contract.ts'
import type { InjectionRequest } from '../inject/injection-request.ts'
import { versionedContainers } from '../inject/image-pin.ts'
import type { ResolvedPin } from '../inject/pin-resolver.ts'
import { copyPod } from '../inject/pod.ts'
import { Refusal } from '../inject/refusal.ts'
import { isNewRequest, type WorkloadChange } from './change.ts'
import { pinRequestOf } from './pin-request.ts'
import { placeholderPod } from './placeholder-pod.ts'
import { slotCount } from './slots.ts'
import type { Workload } from './workload.ts'

/** `vN` numbers one stream, and there are several. */
export function severalSlots(workload: Workload, { pin }: InjectionRequest): Refusal | undefined {
  const slots = slotCount(workload) ?? 1
  if (pin?.kind !== 'version' || slots <= 1) return undefined
  return new Refusal(
    `${KEY.restore}=v${pin.number} numbers the versions of one stream, and ${workload.kind} "${workload.name}" has ${slots}, one for each slot; pin a tag, or a time as 20261120T141500Z: each slot finds its own version by it`,
  )
}

/**
 * A new image in the template, while the pin of before goes on setting the old one.
 * @param resolved undefined: what the pin sets is not known.
 */
export function imageUnderPin(
  change: WorkloadChange,
  request: InjectionRequest,
  resolved: ResolvedPin | undefined,
): Refusal | undefined {
  const { workload, before } = change
  const { pin } = pinRequestOf(workload.template)
  if (before === null || pin === undefined || isNewRequest(change)) return undefined
  if (!request.policy['restore.images'].value) return undefined
  const earlier = imagesOf(before)
  const held = [...imagesOf(workload)].find(([container, image]) => {
    const old = earlier.get(container)
    return old !== undefined && old !== image && isHeldBack(container, image, resolved)
  })
  if (held === undefined) return undefined
  const [container, image] = held
  return new Refusal(
    `the image of container "${container}" becomes ${image}, but ${KEY.restore}=${pin} goes on setting the images of that version; remove ${KEY.restore}: the state stays where it is; or set "restore: {images: false}" in ${KEY.state}`,
  )
}

function imagesOf(workload: Workload): Map<string, string> {
  const containers = versionedContainers(copyPod(placeholderPod(workload)))
  return new Map(containers.map(({ name, image }) => [name, image ?? '']))
}

/** The pin sets another image than the template names. */
function isHeldBack(container: string, image: string, resolved: ResolvedPin | undefined): boolean {
  if (resolved === undefined) return true
  const recorded = resolved.images.find((one) => one.container === container)
  if (recorded === undefined) return false
  return image !== recorded.image && image !== `${recorded.image}@${recorded.digest}`
}
