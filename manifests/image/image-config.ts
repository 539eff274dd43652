/** What the image says of itself, as the OCI image specification has it. The Dockerfile says the same (a test compares them). */
import { NODE_ENVIRONMENT } from './node-environment.ts'
import { IMAGE_USER } from './root-fs.ts'

export interface ImageFacts {
  readonly version: string
  /** The commit that it was built from; undefined outside of a repository. */
  readonly revision: string | undefined
  /** ISO 8601. */
  readonly created: string
}

export const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/bin',
  ...NODE_ENVIRONMENT,
}
export const USER = `${IMAGE_USER}:${IMAGE_USER}`
/** The sidecar and the service name their programs; `docker run IMAGE versions …` is the command. */
export const ENTRYPOINT = ['holdfast']
export const LABELS = {
  'org.opencontainers.image.title': 'holdfast',
  'org.opencontainers.image.description': 'Application continuity for Kubernetes',
  'org.opencontainers.image.licenses': 'Apache-2.0',
} as const

/** @param layer the digest of the uncompressed layer, `sha256:…`. */
export function imageConfig(facts: ImageFacts, layer: string): object {
  return {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: facts.created,
    config: {
      User: USER,
      Env: Object.entries(ENVIRONMENT).map(([name, value]) => `${name}=${value}`),
      Entrypoint: ENTRYPOINT,
      WorkingDir: '/',
      Labels: {
        ...LABELS,
        'org.opencontainers.image.version': facts.version,
        ...(facts.revision !== undefined && {
          'org.opencontainers.image.revision': facts.revision,
        }),
      },
    },
    rootfs: { type: 'layers', diff_ids: [layer] },
    history: [{ created: facts.created, created_by: 'make image-tar' }],
  }
}
