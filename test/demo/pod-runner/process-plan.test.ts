import { expect, test } from 'vitest'
import { expandReferences } from '../../../demo/pod-runner/expand-references.ts'
import { parsePod } from '../../../demo/pod-runner/pod-spec.ts'
import { type Place, processPlan, relocate } from '../../../demo/pod-runner/process-plan.ts'

const around = {
  images: {
    'shop:1.4': { command: ['/bin/node', '/app/shop.ts'], env: { SHOP_VERSION: '1.4' } },
    'agent:1': { command: ['agent', 'idle'], findsRoot: true },
  },
  programs: { agent: ['/bin/node', '/app/agent.ts'] },
  secrets: { s3: { KEY: 'id', SECRET: 'hush' } },
  imageEnv: { PATH: '/bin' },
  nodeName: 'node-7',
}
const place: Place = {
  root: '/pods/p/roots/c',
  mounts: [{ mountPath: '/var/lib/shop', folder: '/pods/p/volumes/data' }],
  ports: new Map([[8080, 40123]]),
}

function plan(container: object, command?: string[]) {
  const pod = parsePod({
    metadata: {
      name: 'shop-abc-x1',
      namespace: 'demo',
      uid: 'u-1',
      labels: { 'app.kubernetes.io/name': 'shop' },
      annotations: { note: 'a $(NAME)' },
    },
    spec: { containers: [{ name: 'c', image: 'shop:1.4', ...container }] },
  })
  return processPlan(pod, pod.spec.containers[0]!, around, place, command)
}

test.each([
  ['$(A)', '1'],
  ['x$(A)y$(B)', 'x1y$(A)'],
  ['$(MISSING)', '$(MISSING)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$1'],
  ['$$', '$'],
  ['$A $', '$A $'],
  ['$(A', '$(A'],
  ['$(toString)', '$(toString)'],
  ['$()', '$()'],
])('%j expands to %j', (text, expanded) => {
  expect(expandReferences(text, { A: '1', B: '$(A)' })).toBe(expanded)
})

test('a variable sees those before it, of envFrom, too; the last one of a name wins', () => {
  const { env } = plan({
    envFrom: [
      { secretRef: { name: 's3', optional: true }, prefix: 'S3_' },
      { secretRef: { name: 'absent', optional: true } },
    ],
    env: [
      { name: 'LATE', value: '$(NAME)' },
      { name: 'NAME', value: 'shop' },
      { name: 'WHO', value: '$(NAME) $(S3_KEY) $(PATH)' },
      { name: 'NAME', value: 'again' },
      { name: 'LITERAL', value: '$$(NAME)' },
    ],
  })
  expect(env).toMatchObject({
    LATE: '$(NAME)',
    WHO: 'shop id $(PATH)',
    NAME: 'again',
    LITERAL: '$(NAME)',
    S3_SECRET: 'hush',
    SHOP_VERSION: '1.4',
    PATH: '/bin',
  })
})

const field = (name: string, fieldPath: string) => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
})

test('fieldRef gives facts of the pod, not expanded', () => {
  const { env } = plan({
    env: [
      { name: 'NAME', value: 'x' },
      field('POD', 'metadata.name'),
      field('UID', 'metadata.uid'),
      field('NS', 'metadata.namespace'),
      field('NODE', 'spec.nodeName'),
      field('LABEL', "metadata.labels['app.kubernetes.io/name']"),
      field('NOTE', "metadata.annotations['note']"),
      field('NONE', "metadata.annotations['none']"),
    ],
  })
  expect(env).toMatchObject({
    POD: 'shop-abc-x1',
    UID: 'u-1',
    NS: 'demo',
    NODE: 'node-7',
    LABEL: 'shop',
    NOTE: 'a $(NAME)',
    NONE: '',
  })
  expect(() => plan({ env: [field('X', 'status.podIP')] })).toThrow(/no field status.podIP/)
})

test('without command the image decides; args follow it; a named program is looked up', () => {
  expect(plan({}).argv).toEqual(['/bin/node', '/app/shop.ts'])
  expect(plan({ args: ['-x'] }).argv).toEqual(['/bin/node', '/app/shop.ts', '-x'])
  const command = ['agent', 'replicate']
  expect(plan({ image: 'agent:1', command }).argv).toEqual([
    '/bin/node',
    '/app/agent.ts',
    'replicate',
  ])
  expect(plan({ image: 'agent:1' }, ['agent', 'wait']).argv.at(-1)).toBe('wait')
})

test('mountPaths of an app become folders, those of a program that finds its root stay', () => {
  const shop = {
    env: [
      { name: 'DATA_DIR', value: '/var/lib/shop' },
      { name: 'OTHER', value: '/var/lib/shopping' },
    ],
    args: ['/var/lib/shop/orders.db', '$(DATA_DIR)/x'],
  }
  const moved = plan(shop)
  expect(moved.argv.slice(2)).toEqual(['/pods/p/volumes/data/orders.db', '/pods/p/volumes/data/x'])
  expect(moved.env).toMatchObject({
    DATA_DIR: '/pods/p/volumes/data',
    OTHER: '/var/lib/shopping',
    HOLDFAST_ROOT: '/pods/p/roots/c',
  })
  const agent = plan({ ...shop, image: 'agent:1' })
  expect(agent.env['DATA_DIR']).toBe('/var/lib/shop')
  expect(agent.argv.at(-1)).toBe('/var/lib/shop/x')
  expect(agent.env['HOLDFAST_ROOT']).toBe('/pods/p/roots/c')
  expect(relocate('/var/lib', place.mounts)).toBe('/var/lib')
})

test('PORT variables follow a declared port to this machine, nothing else does', () => {
  const env = [
    { name: 'PORT', value: '8080' },
    { name: 'METRICS_PORT', value: '9090' },
    { name: 'ADMIN_PORT', value: '8080' },
    { name: 'LIMIT', value: '8080' },
  ]
  expect(plan({ env }).env).toMatchObject({
    PORT: '40123',
    METRICS_PORT: '9090',
    ADMIN_PORT: '40123',
    LIMIT: '8080',
  })
})
