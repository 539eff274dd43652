/** Pods as fast-check makes them up: of plausible parts in implausible combinations. */
import * as fc from 'fast-check'

const MOUNT_PATHS = ['/data', '/data/', '/data/in', '/srv', '/usr/local', '/etc/holdfast', '/a/b/c']
const VOLUMES = ['v0', 'v1', 'v2', 'kube-api-access-abcde']
const UNKNOWN = fc.dictionary(
  fc.constantFrom('future', 'unheardOf', 'x-y'),
  fc.jsonValue({ maxDepth: 2 }),
  { maxKeys: 2 },
)
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

const quantities = fc.record(
  {
    cpu: fc.constantFrom('100m', '0.5', '1', 2),
    memory: fc.constantFrom('64Mi', '1Gi', '1e9', '100M'),
  },
  { requiredKeys: [] },
)
const resources = fc.oneof(
  fc.record({ requests: quantities, limits: quantities }, { requiredKeys: [] }),
  quantities.map((both) => ({ requests: both, limits: both })),
)
const security = fc.record(
  { runAsUser: fc.constantFrom(0, 1000, 2000), runAsGroup: fc.constantFrom(0, 1000) },
  { requiredKeys: [] },
)
const mount = fc
  .tuple(
    fc.record({ name: fc.constantFrom(...VOLUMES), mountPath: fc.constantFrom(...MOUNT_PATHS) }),
    fc.record(
      {
        subPath: fc.constantFrom('', 'a', 'a/b'),
        subPathExpr: fc.constantFrom('$(POD_NAME)', '$(MISSING)', '$$(X)'),
        readOnly: fc.boolean(),
        mountPropagation: fc.constantFrom('None', 'HostToContainer', 'None', 'Bidirectional'),
      },
      { requiredKeys: [] },
    ),
    UNKNOWN,
  )
  .map((parts) => Object.assign({}, ...parts) as object)

/** What gives most pods a chance. */
const PLAIN_MOUNTS = [
  { name: 'v0', mountPath: '/data' },
  { name: 'v1', mountPath: '/srv' },
]

function container(name: string) {
  return fc
    .tuple(
      UNKNOWN,
      fc.record(
        {
          image: fc.constantFrom(
            'shop:1.5',
            'docker.io/library/shop:1',
            'x.example:5000/y@sha256:0',
          ),
          restartPolicy: fc.constantFrom('Always'),
          env: fc.constant([
            { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          ]),
          resources,
          securityContext: security,
          volumeMounts: fc.oneof(
            { weight: 3, arbitrary: fc.constant(PLAIN_MOUNTS) },
            fc.array(mount, { maxLength: 3 }).map((more) => [...PLAIN_MOUNTS.slice(0, 1), ...more]),
          ),
        },
        { requiredKeys: ['volumeMounts'] },
      ),
    )
    .map(([unknown, known]) => ({ ...unknown, name, ...known }))
}

const source = fc.constantFrom<object>(
  { emptyDir: {} },
  { emptyDir: { sizeLimit: '1Gi' } },
  { ephemeral: { volumeClaimTemplate: {} } },
  { emptyDir: { medium: 'Memory', sizeLimit: '10M' } },
  { emptyDir: { medium: 'Memory' } },
  { persistentVolumeClaim: { claimName: 'c' } },
  { persistentVolumeClaim: { claimName: 'v0-shop-0' } },
  { hostPath: { path: '/x' } },
  { secret: { secretName: 's' } },
  { futureKind: { a: 1 } },
)

const owner = fc.constantFrom(
  undefined,
  { kind: 'ReplicaSet', name: 'shop-abc12', uid: 'u1', controller: true },
  { kind: 'StatefulSet', name: 'shop', uid: 'u2', controller: true },
  { kind: 'Job', name: 'once', uid: 'u3', controller: true },
  { kind: 'Cluster', name: 'db', uid: 'u4', controller: true },
)

const STATES = [
  '/data',
  '/data/in/deep',
  '[/srv, /data]',
  '{app: x, paths: [{path: /data, container: c1, exclude: ["$(a)"]}, {path: /srv/db, as: sqlite}]}',
  '/usr/local/x',
  '[{path: /data/x, container: c0}, {path: /data/y, container: c1}]',
]

/** Most of them are refused; enough are not. */
export const randomPod = fc
  .record({
    owner,
    named: fc.boolean(),
    state: fc.constantFrom(...STATES),
    pin: maybe(fc.constantFrom('v42', 'latest', 'fresh')),
    containers: fc.tuple(container('c0'), container('c1'), container('c2')),
    count: fc.integer({ min: 1, max: 3 }),
    inits: fc.tuple(container('i0'), container('i1')),
    initCount: fc.integer({ min: 0, max: 2 }),
    sources: fc.tuple(source, source, source),
    spec: fc.record(
      {
        terminationGracePeriodSeconds: fc.integer({ min: 0, max: 90 }),
        securityContext: fc.oneof(security, fc.constant({ runAsUser: 1000, runAsGroup: 1000 })),
        resources,
      },
      { requiredKeys: ['securityContext'] },
    ),
    unknown: fc.tuple(UNKNOWN, UNKNOWN, UNKNOWN),
    runAs: maybe(fc.constantFrom('1000:1000', '0:0')),
    preset: maybe(fc.constantFrom('holdfast.dev/injected', 'holdfast.dev/slot')),
  })
  .map((parts) => ({
    ...parts.unknown[0],
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...parts.unknown[1],
      ...(parts.named ? { name: 'shop-0' } : { generateName: 'shop-' }),
      labels: {
        'pod-template-hash': 'abc12',
        ...(parts.pin !== undefined && { 'holdfast.dev/restore': parts.pin }),
      },
      annotations: {
        'holdfast.dev/state': parts.state,
        ...(parts.runAs !== undefined && { 'holdfast.dev/run-as': parts.runAs }),
        ...(parts.preset !== undefined && { [parts.preset]: 'forged' }),
      },
      ...(parts.owner !== undefined && { ownerReferences: [parts.owner] }),
    },
    spec: {
      ...parts.unknown[2],
      ...parts.spec,
      containers: parts.containers.slice(0, parts.count),
      ...(parts.initCount > 0 && { initContainers: parts.inits.slice(0, parts.initCount) }),
      volumes: VOLUMES.map((name, index) => ({
        name,
        ...(parts.sources[index] ?? { projected: { sources: [] } }),
      })),
    },
  }))
