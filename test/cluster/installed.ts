/** Holdfast as `kubectl apply -k manifests/` installs it, on the cluster of KUBECONFIG, and objects to try on it. */
import { randomBytes } from 'node:crypto'
import { vi } from 'vitest'
import { MANIFESTS, manifestsOf, type Manifest } from '../manifests/chart.ts'
import { runTool, tryTool } from '../support/cluster-tools.ts'

export const kubectl = (...words: string[]): string => runTool('kubectl', ...words)

export function newNamespace(): string {
  const name = `holdfast-test-${randomBytes(4).toString('hex')}`
  kubectl('create', 'namespace', name)
  return name
}

/** All of it, but no replica of the service runs: nobody answers its webhooks. */
export function installWithoutReplicas(): void {
  const manifests = manifestsOf(kubectl('kustomize', MANIFESTS))
  for (const each of manifests) if (each.kind === 'Deployment') each.spec.replicas = 0
  const { status, stderr } = tryTool('kubectl', ['apply', '-f', '-'], asList(manifests))
  if (status !== 0) throw new Error(stderr)
}

/** @param namespace of the test, which goes as well. */
export function uninstall(namespace?: string): void {
  if (namespace !== undefined) kubectl('delete', 'namespace', namespace, '--wait=false')
  kubectl('delete', '-k', MANIFESTS, '--ignore-not-found')
}

function asList(items: readonly Manifest[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
}

/** What kubectl says against an object; undefined where it is taken. By default it is applied. */
export function refusal(object: Manifest, ...words: readonly string[]): string | undefined {
  const verb = words.length === 0 ? ['apply'] : words
  const { status, stderr } = tryTool('kubectl', [...verb, '-f', '-'], JSON.stringify(object))
  return status === 0 ? undefined : stderr
}

/** Judged as it would be, and not made. */
export const DRY = ['create', '--dry-run=server'] as const

/** Policies and webhooks count some moments after they were applied. */
export async function eventually(check: () => unknown): Promise<void> {
  await vi.waitFor(check, { timeout: 60_000, interval: 200 })
}

export const STATE = { 'holdfast.dev/state': '/data' }

/** A pod template that declares state, where nothing else is said. */
export function template(metadata: object = { annotations: STATE }): Manifest {
  return {
    metadata: { labels: { app: 'x' }, ...metadata },
    spec: { containers: [{ name: 'app', image: 'localhost/app:1' }] },
  }
}

export function deployment(name: string, namespace: string, spec: object = {}): Manifest {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'x' } },
      strategy: { type: 'Recreate' },
      template: template(),
      ...spec,
    },
  }
}
