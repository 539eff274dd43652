/** The apps under test, as their authors would write them. */
import type { Manifest } from '../../manifests/chart.ts'
import { SHOP_14, TOOLS } from './app-images.ts'

export interface Named {
  readonly namespace: string
  readonly name: string
}

const USER = { runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000 }
const CLAIM = {
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '100Mi' } } },
}
const SHOP_STATE = `paths:
  - path: /var/lib/shop/orders.db
    as: sqlite
  - /var/lib/shop/receipts
backup: {within: 1s}
`

/** The example shop, listening on all of the pod's addresses; its volume is called `data`. */
export function shopTemplate(name: string, image: string = SHOP_14): Manifest {
  return {
    metadata: { labels: { app: name }, annotations: { 'holdfast.dev/state': SHOP_STATE } },
    spec: {
      terminationGracePeriodSeconds: 5,
      securityContext: USER,
      containers: [
        {
          name: 'shop',
          image,
          ports: [{ name: 'http', containerPort: 8080 }],
          readinessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 1 },
          volumeMounts: [{ name: 'data', mountPath: '/var/lib/shop' }],
        },
      ],
    },
  }
}

/** An app that acknowledges a write every 50 ms, in `/data/acknowledged`. */
export function writerTemplate(name: string): Manifest {
  return template(name, ['node', '/app/acknowledging-app.ts', '/data/acknowledged'])
}

/** Any command, with its state in `/data`. */
export function template(name: string, command: readonly string[]): Manifest {
  const state = 'paths: [/data]\nbackup: {within: 1s}\n'
  return {
    metadata: { labels: { app: name }, annotations: { 'holdfast.dev/state': state } },
    spec: {
      terminationGracePeriodSeconds: 5,
      securityContext: USER,
      containers: [
        {
          name: 'app',
          image: TOOLS,
          command,
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        },
      ],
    },
  }
}

/** Does nothing, and ends at once when it is told to. */
export const IDLE = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 3600 & wait; done']

/** Its state in a claim. */
export function statefulSet(
  { namespace, name }: Named,
  pod: Manifest,
  spec: object = {},
): Manifest {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace },
    spec: {
      replicas: 1,
      serviceName: name,
      selector: { matchLabels: { app: name } },
      template: pod,
      volumeClaimTemplates: [CLAIM],
      ...spec,
    },
  }
}

/** Its state in an emptyDir. */
export function deployment({ namespace, name }: Named, pod: Manifest, spec: object = {}): Manifest {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: { app: name } },
      template: withEmptyDir(pod),
      ...spec,
    },
  }
}

export function bare({ namespace, name }: Named, pod: Manifest): Manifest {
  const metadata = { ...pod.metadata, name, namespace }
  return { apiVersion: 'v1', kind: 'Pod', ...withEmptyDir(pod), metadata }
}

export function withEmptyDir(pod: Manifest): Manifest {
  return { ...pod, spec: { ...pod.spec, volumes: [{ name: 'data', emptyDir: {} }] } }
}
