import { expect, test } from 'vitest'
import { type BackOff, KUBELET_BACK_OFF, nextBackOff } from '../../../demo/pod-runner/back-off.ts'
import { stopPlan, stopWindowMs } from '../../../demo/pod-runner/order-plan.ts'
import { parsePod } from '../../../demo/pod-runner/pod-spec.ts'
import { probePauseMs, type ProbeRun, probeStep } from '../../../demo/pod-runner/probe-schedule.ts'

test('the first restart is at once, the next wait twice as long each, up to five minutes', () => {
  let backOff: BackOff | undefined
  const delays = [0, 1, 2, 3, 4, 5, 6, 7].map((now) => {
    backOff = nextBackOff(backOff, now, KUBELET_BACK_OFF)
    return backOff.delayMs / 1000
  })
  expect(delays).toEqual([0, 10, 20, 40, 80, 160, 300, 300])
  expect(nextBackOff(backOff, 8 + 600_000, KUBELET_BACK_OFF).delayMs).toBe(0)
})

test('a probe decides after its threshold of results in a row', () => {
  const probe = { successThreshold: 1, failureThreshold: 3 }
  let run: ProbeRun | undefined
  const verdicts = [false, false, true, false, false, false].map((ok) => {
    const step = probeStep(probe, run, ok)
    run = step.run
    return step.verdict
  })
  expect(verdicts).toEqual(['undecided', 'undecided', 'passed', 'undecided', 'undecided', 'failed'])
})

test('a probe longer than its period is followed by the next at once', () => {
  expect(probePauseMs({ periodSeconds: 2 }, 500)).toBe(1500)
  expect(probePauseMs({ periodSeconds: 2 }, 60_000)).toBe(0)
})

const container = (name: string) => ({ name, image: 'fake:1' })
const sidecar = (name: string) => ({ ...container(name), restartPolicy: 'Always' })

test('apps stop at once, each sidecar after the apps and the sidecars behind it', () => {
  const pod = parsePod({
    metadata: { name: 'p' },
    spec: {
      initContainers: [sidecar('mesh'), container('migrate'), sidecar('holdfast')],
      containers: [container('a'), container('b')],
    },
  })
  const after = stopPlan(pod).map((step) => [step.container.name, step.after])
  expect(Object.fromEntries(after)).toEqual({
    a: [],
    b: [],
    migrate: [],
    mesh: ['a', 'b', 'migrate', 'holdfast'],
    holdfast: ['a', 'b', 'migrate'],
  })
})

test('waiting eats of the grace period, down to the two seconds that everyone gets', () => {
  expect(stopWindowMs(30_000, 0)).toBe(30_000)
  expect(stopWindowMs(30_000, 12_000)).toBe(18_000)
  expect(stopWindowMs(30_000, 29_500)).toBe(2000)
})
