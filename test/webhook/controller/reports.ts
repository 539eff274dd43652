/** Reports and pods for the controller's tests: an agent in good order, but for what a test says. */
import type { Report } from '../../../shared/service-contract.ts'
import type { PodFacts } from '../../../webhook/controller/pod-facts.ts'

export const AT = new Date('2026-11-20T14:15:00.500Z')

export function report(parts: Partial<Report> = {}): Report {
  return {
    stream: 'shop/shop/0',
    slot: '0',
    phase: 'running',
    reason: '',
    ready: true,
    line: 'main',
    unfenced: false,
    lastVersion: 43,
    lastComplete: true,
    lagSeconds: 0,
    unshippedBytes: 0,
    note: '',
    problem: '',
    frozen: '',
    restored: null,
    backups: [],
    ...parts,
  }
}

export function podFacts(parts: Partial<PodFacts> = {}): PodFacts {
  return {
    namespace: 'shop',
    name: 'shop-0',
    uid: 'uid-0',
    resourceVersion: '1',
    owner: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'shop', uid: 'uid-owner' },
    terminating: false,
    ended: false,
    declares: true,
    admitted: {
      app: 'shop',
      slot: '0',
      store: 's3://continuity/prod',
      pin: null,
      restoreRequest: null,
      withinMs: 5000,
      pinnedImages: [],
    },
    restoreLabel: null,
    condition: null,
    marks: {},
    ...parts,
  }
}
