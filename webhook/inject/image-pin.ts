/** The images of a pinned version, set by container name within the same repository. */
import { KEY } from '../../shared/sidecar-contract.ts'
import { appContainers, initContainers, isNativeSidecar, type Container, type Pod } from './pod.ts'
import type { ResolvedPin } from './pin-resolver.ts'
import { Refusal } from './refusal.ts'

/**
 * The containers whose images belong to a version: the app's, and init containers of the same repositories (a
 * migration is of one release with its app). What others put into the pod keeps its own.
 */
export function versionedContainers(pod: Pod): Container[] {
  const apps = appContainers(pod)
  const repositories = new Set(apps.map((container) => repositoryOf(container.image ?? '')))
  const inits = initContainers(pod).filter(
    (one) => !isNativeSidecar(one) && repositories.has(repositoryOf(one.image ?? '')),
  )
  return [...apps, ...inits]
}

/** Sets the images in `pod`; warnings for what differs from the template. `pin` is the label's value. */
export function pinImages(
  pod: Pod,
  pin: string,
  resolved: ResolvedPin,
  allowOtherRepositories: boolean,
): string[] {
  const warnings: string[] = []
  const containers = versionedContainers(pod)
  for (const recorded of resolved.images) {
    const container = containers.find((one) => one.name === recorded.container)
    if (container === undefined) {
      warnings.push(
        `${KEY.restore}=${pin} recorded an image for container "${recorded.container}", which the pod has no more`,
      )
      continue
    }
    const template = container.image ?? ''
    if (!allowOtherRepositories)
      requireSameRepository(container.name, pin, template, recorded.image)
    const image = withDigest(recorded.image, recorded.digest)
    if (image === template) continue
    container.image = image
    warnings.push(
      `${KEY.restore}=${pin} pins container "${container.name}" to ${image}; the template says ${template}`,
    )
  }
  return warnings
}

function withDigest(image: string, digest: string | undefined): string {
  return digest === undefined || image.includes('@') ? image : `${image}@${digest}`
}

function requireSameRepository(name: string, pin: string, template: string, image: string): void {
  if (repositoryOf(template) === repositoryOf(image)) return
  throw new Refusal(
    `${KEY.restore}=${pin} recorded the image ${image} for container "${name}", the template's is ${template}: a pin sets images of the same repository only; set "restore: {images: false}" in ${KEY.state}, or have an administrator allow it by the Namespace's annotation ${KEY.policy}: "allow: {images: true}"`,
    403,
  )
}

/** Registry and repository, with what is left out filled in: `shop:1.4` is `docker.io/library/shop`. */
export function repositoryOf(image: string): string {
  const [name = ''] = image.split('@')
  const untagged = name.replace(/:[^/:]*$/, '')
  const parts = untagged.split('/')
  const first = parts[0] as string
  const hasRegistry = parts.length > 1 && (/[.:]/.test(first) || first === 'localhost')
  const [registry, path] = hasRegistry ? [first, parts.slice(1)] : ['docker.io', parts]
  const isDockerHub = registry === 'docker.io' || registry === 'index.docker.io'
  if (!isDockerHub) return [registry, ...path].join('/')
  return ['docker.io', ...(path.length === 1 ? ['library'] : []), ...path].join('/')
}
