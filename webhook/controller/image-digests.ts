/** Pure: by which digests the images of a running pod can be pulled again. */
import type { ReportAnswer } from '../../shared/service-contract.ts'
import { repositoryOf } from '../inject/image-pin.ts'
import type { RunningContainer } from './pod-facts.ts'

/** What runtimes before containerd put in front. */
const SCHEME = /^[a-z-]+:\/\//
const PULLABLE = /^([^@]+)@(sha256:[0-9a-f]{64})$/

/**
 * The digest is null where the runtime names none (the container does not run yet), or one by which nobody can pull: an
 * image that was loaded by hand has only the hash of its configuration (`sha256:…`), and one that came to the node
 * under another repository's name may not be in this one.
 */
export function imagesOf(containers: readonly RunningContainer[]): ReportAnswer['images'] {
  return containers.map(({ container, image, imageId }) => {
    const [, repository, digest] = PULLABLE.exec(imageId.replace(SCHEME, '')) ?? []
    const isPullable = repository !== undefined && repositoryOf(repository) === repositoryOf(image)
    return { container, image, digest: isPullable ? `${repository}@${digest}` : null }
  })
}
