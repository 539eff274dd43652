import * as fc from 'fast-check'
import jsonPatch from 'fast-json-patch'
import { describe, expect, it } from 'vitest'
import { KEY } from '../../../shared/sidecar-contract.ts'
import { newStamp, stamp } from '../../../webhook/workload/stamp.ts'
import type { WorkloadKind } from '../../../webhook/workload/workload.ts'
import { readWorkloadCase } from '../../golden/workload-case.ts'

const DEPLOYMENT = readWorkloadCase('declared').object
const CRON_JOB = readWorkloadCase('cronjob-with-an-app').object

interface Asked {
  readonly pin: string | undefined
  readonly request: string | undefined
}
interface Template {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> }
}

function templateOf(kind: WorkloadKind, object: unknown): Template {
  const { spec } = object as { spec: { template: Template; jobTemplate: { spec: typeof spec } } }
  return kind === 'CronJob' ? spec.jobTemplate.spec.template : spec.template
}

function workload(kind: WorkloadKind, { pin, request }: Asked): unknown {
  const object: unknown = structuredClone(kind === 'CronJob' ? CRON_JOB : DEPLOYMENT)
  const { labels, annotations } = templateOf(kind, object).metadata
  if (pin !== undefined) labels[KEY.restore] = pin
  if (request !== undefined) annotations[KEY.restoreRequest] = request
  return object
}

function askedBy(kind: WorkloadKind, object: unknown): Asked {
  const { labels, annotations } = templateOf(kind, object).metadata
  return { pin: labels[KEY.restore], request: annotations[KEY.restoreRequest] }
}

const kinds = fc.constantFrom<WorkloadKind>('Deployment', 'CronJob')
const pins = fc.constantFrom(undefined, 'v1', 'v2', 'tag')
const stamps = [10, 11, 12].map((day) => newStamp(new Date(Date.UTC(2026, 9, day)), `uid-${day}`))
const requests = fc.constantFrom(undefined, 'mine', 'other', ...stamps)
const asked = fc.record({ pin: pins, request: requests })
const FRESH = newStamp(new Date(Date.UTC(2026, 10, 20)), 'uid')

describe('the stamp', () => {
  it('is the same again on its own result, and changes nothing else', () => {
    fc.assert(
      fc.property(kinds, asked, fc.option(asked), (kind, now, earlier) => {
        const object = workload(kind, now)
        const before = earlier === null ? null : workload(kind, earlier)
        const copy: unknown = structuredClone(object)
        const once = stamp(kind, object, before, FRESH)
        expect(object).toEqual(copy)
        expect(stamp(kind, once, before, newStamp(new Date(), 'again'))).toBe(once)
        const paths = jsonPatch.compare(object as object, once as object).map(({ path }) => path)
        for (const path of paths)
          expect(path).toMatch(/annotations\/holdfast.dev~1restore-request$/)
      }),
    )
  })

  it('asks once for each time that a person does, whatever a tool applies meanwhile', () => {
    // The tool knows the pin, and of requests nothing, or a stamp that it once read from the cluster.
    const tool = fc.constantFrom(undefined, ...stamps)
    const steps = fc.array(fc.record({ pin: pins, toolKnows: tool }), { maxLength: 12 })
    fc.assert(
      fc.property(kinds, steps, (kind, all) => {
        let stored: unknown = null
        let day = 13
        for (const { pin, toolKnows } of all) {
          const before = stored === null ? undefined : askedBy(kind, stored)
          const fresh = newStamp(new Date(Date.UTC(2026, 9, day++)), 'uid')
          // A change by a person: only the label moves, and what stands beside it stays.
          const person = workload(kind, { pin, request: before?.request })
          stored = stamp(kind, person, stored, fresh)
          const { request } = askedBy(kind, stored)
          const isNew = pin !== undefined && pin !== before?.pin
          if (pin === undefined) expect(request).toBeUndefined()
          else expect(request).toBe(isNew ? fresh : before?.request)
          const later = newStamp(new Date(Date.UTC(2026, 9, day++)), 'uid')
          stored = stamp(kind, workload(kind, { pin, request: toolKnows }), stored, later)
          if (pin !== undefined) expect(askedBy(kind, stored).request).toBe(request)
          else stored = workload(kind, { pin, request: undefined })
        }
      }),
    )
  })

  it('leaves alone what is no workload, and what a controller makes anew for each run', () => {
    for (const object of [null, 5, {}, { spec: {} }, { metadata: {}, spec: { template: 1 } }])
      expect(stamp('Deployment', object, null, FRESH)).toBe(object)
    const job = readWorkloadCase('pin-of-a-cronjobs-job').object
    expect(stamp('Job', job, null, FRESH)).toBe(job)
  })
})
