/** Holdfast as people install it, by an overlay of kustomize that names image and store; and namespaces that may use it. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { inject } from 'vitest'
import { MANIFESTS } from '../../manifests/chart.ts'
import { eventually, kubectl, refusal, STATE, template } from '../installed.ts'
import { apply } from './objects.ts'

export const SYSTEM = 'holdfast-system'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Returns when a pod that asks for Holdfast gets its sidecar. */
export async function installHoldfast(): Promise<void> {
  kubectl('apply', '-f', join(MANIFESTS, 'base/namespace.yaml'))
  apply(credentialsSecret(SYSTEM))
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-overlay-'))
  try {
    writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify(overlay(folder)))
    kubectl('apply', '-k', folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
  await isInstalled()
}

export async function isInstalled(): Promise<void> {
  kubectl('-n', SYSTEM, 'rollout', 'status', 'deployment/holdfast-webhook', '--timeout=120s')
  await eventually(() => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'probe', namespace: 'default', annotations: STATE },
      spec: template().spec,
    }
    // It has no volume at that path: only the webhook knows that this matters.
    const answer = refusal(pod, 'create', '--dry-run=server')
    if (answer?.includes('pods.holdfast.dev') !== true || answer.includes('failed calling'))
      throw new Error(`the webhook does not answer yet: ${answer ?? 'the pod was taken'}`)
  })
}

/** So many replicas are asked for; 0 takes the service down. */
export function scaleService(replicas: number): void {
  kubectl('-n', SYSTEM, 'scale', 'deployment/holdfast-webhook', `--replicas=${replicas}`)
}

/** With the Secret of its sidecars' credentials. */
export function newAppNamespace(labels: Record<string, string> = {}): string {
  const name = `app-${randomBytes(4).toString('hex')}`
  apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'holdfast.dev/test': 'yes', ...labels } },
  })
  apply(credentialsSecret(name))
  return name
}

export function credentialsSecret(namespace: string, credentials?: Credentials): object {
  const { accessKeyId, secretAccessKey }: Credentials = credentials ?? inject('cluster').s3
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'holdfast-s3', namespace },
    stringData: {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
  }
}

/** Of the service and its sidecars alike. */
export function storeSettings(): Record<string, string> {
  const { s3, s3Endpoint } = inject('cluster')
  return {
    HOLDFAST_STORE: `s3://${s3.bucket}/cluster`,
    AWS_ENDPOINT_URL_S3: s3Endpoint,
    AWS_REGION: 'us-east-1',
  }
}

function overlay(folder: string): object {
  const { image } = inject('cluster')
  const [newName, newTag] = image.split(/:(?=[^:]*$)/)
  const env = Object.entries({ HOLDFAST_IMAGE: image, ...storeSettings() }).map(
    ([name, value]) => ({ name, value }),
  )
  const patch = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'holdfast-webhook', namespace: SYSTEM },
    spec: { template: { spec: { containers: [{ name: 'webhook', env }] } } },
  }
  return {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [relative(folder, MANIFESTS)],
    images: [{ name: 'localhost/holdfast', newName, newTag }],
    patches: [{ patch: JSON.stringify(patch) }],
  }
}
