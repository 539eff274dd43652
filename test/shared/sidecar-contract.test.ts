import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { HoldfastError } from '../../shared/errors.ts'
import type { Assignment } from '../../shared/sidecar-contract.ts'
import { formatAssignment, parseAssignment } from '../../shared/sidecar-contract.ts'

const ASSIGNMENT: Assignment = {
  namespace: 'shop',
  app: 'shop',
  slot: null,
  store: 's3://backups',
  pin: null,
  restoreRequest: null,
  paths: [{ path: '/data', at: '/data', as: 'files', exclude: [] }],
  volumes: [{ at: '/data', sizeLimitBytes: null, memory: false }],
  withinMs: 5000,
  before: null,
  after: null,
  whenEmpty: 'resume',
  keep: { allMs: 86_400_000, hourly: 48, daily: 14, weekly: 8 },
  images: [{ container: 'shop', image: 'shop:1.4' }],
  templateHash: 'h',
  graceSeconds: 30,
  exclusive: false,
  injected: 'i',
  service: { url: 'https://holdfast-webhook.holdfast-system.svc', ca: 'PEM' },
}

const { keep: _keep, ...WITHOUT_KEEP } = ASSIGNMENT
const { service: _service, ...OLD } = WITHOUT_KEEP

/** As Kubernetes does to the values of a container's environment. */
function kubeletExpands(text: string): string {
  return text.replaceAll(/\$\$|\$\([A-Za-z_.-][\w.-]*\)/g, (match) =>
    match === '$$' ? '$' : 'EXPANDED',
  )
}

it('the agent reads what the webhook wrote, whatever the kubelet expands', () => {
  const glob = fc.string({
    unit: fc.constantFrom('$', '(', ')', 'A', '{', '*', '"', '\n', '\\', 'é'),
  })
  fc.assert(
    fc.property(glob, (text) => {
      const path = { path: `/data/${text}`, at: '/data', as: 'files' as const, exclude: [text] }
      const assignment = { ...ASSIGNMENT, paths: [path] }
      expect(parseAssignment(kubeletExpands(formatAssignment(assignment)))).toEqual(assignment)
    }),
    { numRuns: 300 },
  )
})

it('a webhook that does not tell what to keep yet is understood: nothing is recorded of it', () => {
  expect(parseAssignment(formatAssignment(WITHOUT_KEEP))).toEqual(WITHOUT_KEEP)
})

it('a pod from before there was a service to talk to has none', () => {
  expect(parseAssignment(JSON.stringify(OLD))).toEqual({ ...OLD, service: null })
})

it('the service is reached over TLS only', () => {
  const service = { url: 'http://holdfast-webhook.holdfast-system.svc', ca: 'PEM' }
  expect(() => parseAssignment(JSON.stringify({ ...ASSIGNMENT, service }))).toThrow('service.url')
})

it('another release of one end is one clear sentence, for each field', () => {
  expect(() => parseAssignment('{')).toThrow('HOLDFAST_ASSIGNMENT is no JSON')
  for (const field of Object.keys(OLD)) {
    const { [field as keyof Assignment]: _absent, ...rest } = ASSIGNMENT
    expect(() => parseAssignment(JSON.stringify(rest)), field).toThrow(HoldfastError)
    expect(() => parseAssignment(JSON.stringify(rest))).toThrow(
      `HOLDFAST_ASSIGNMENT: ${field}: found`,
    )
  }
  const unknown = { ...ASSIGNMENT, knob: 1 }
  expect(() => parseAssignment(JSON.stringify(unknown))).toThrow('knob')
})
