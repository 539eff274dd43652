/** What is told to the service, how soon, and how rarely. Time is the test's own. */
import { expect, test } from 'vitest'
import type { Report } from '../../../shared/service-contract.ts'
import { Reporter } from '../../../agent/service/reporter.ts'
import { ServiceError } from '../../../agent/service/service.ts'
import { Status } from '../../../agent/session/status.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function createReporter() {
  const clock = new ManualClock()
  const status = new Status()
  const sent: Report[] = []
  const warnings: string[] = []
  const service = { answers: true, hangs: false }
  const reporter = new Reporter(
    {
      async report(report, signal) {
        sent.push(report)
        if (service.hangs)
          await new Promise((_, reject) => {
            signal?.addEventListener('abort', () => reject(new ServiceError('no answer', false)))
          })
        if (!service.answers) throw new ServiceError('no answer', false)
        return { images: [] }
      },
    },
    {
      status,
      clock,
      onAnswer: () => undefined,
      warn: (why) => {
        warnings.push(why)
      },
    },
  )
  const pass = async (ms: number) => {
    clock.advance(ms)
    await settled()
  }
  return { reporter, clock, status, sent, service, warnings, pass }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}

test('news is told at once, with everything that is true by then', async () => {
  const { status, sent, pass } = createReporter()
  await pass(0)
  expect(sent).toHaveLength(1)
  await pass(5000)
  status.set({ slot: '0', stream: 'market/shop/0', phase: 'running', ready: true, lastVersion: 3 })
  await pass(0)
  expect(sent).toHaveLength(2)
  expect(sent[1]).toMatchObject({ stream: 'market/shop/0', ready: true, lastVersion: 3 })
})

test('news that flickers is told once a second at most', async () => {
  const { status, sent, pass } = createReporter()
  await pass(0)
  for (let tenth = 1; tenth <= 50; tenth += 1) {
    status.set({ problem: tenth % 2 === 0 ? '' : 'the store does not answer' })
    await pass(100)
  }
  expect(sent.length).toBeGreaterThan(2)
  expect(sent.length).toBeLessThanOrEqual(6)
})

test('progress is told twice a minute at most, and never older than what is true', async () => {
  const { status, sent, pass } = createReporter()
  await pass(0)
  for (let second = 1; second <= 120; second += 1) {
    status.set({ lastVersion: second })
    await pass(1000)
  }
  expect(sent.length).toBeGreaterThan(3)
  expect(sent.length).toBeLessThanOrEqual(5)
  expect(sent.at(-1)?.lastVersion).toBeGreaterThan(90)
})

test('an agent at rest tells nothing, and waits for nothing', async () => {
  const { status, sent, clock, pass } = createReporter()
  await pass(0)
  // A look that finds nothing to ship.
  status.set({ unshippedSinceMs: 5 })
  status.set({ unshippedSinceMs: undefined })
  await pass(30_000)
  expect(sent).toHaveLength(1)
  expect(clock.wakeups).toEqual([])
})

test('what is not heard is told again, ever more rarely, and only as it is then', async () => {
  const { status, sent, service, warnings, pass } = createReporter()
  service.answers = false
  for (let second = 0; second < 600; second += 1) {
    status.set({ lastVersion: second })
    await pass(1000)
  }
  expect(sent.length).toBeGreaterThan(8)
  expect(sent.length).toBeLessThan(30)
  expect(warnings).toEqual(['no answer: reports wait until it does'])
  service.answers = true
  await pass(60_000)
  expect(sent.at(-1)?.lastVersion).toBe(599)
  const { length } = sent
  await pass(600_000)
  expect(sent).toHaveLength(length)
})

test('an answered request is told until it was heard, and once', async () => {
  const { reporter, status, sent, service, pass } = createReporter()
  await pass(1000)
  service.answers = false
  const answer = { request: 'before-upgrade', version: 43, problem: null }
  reporter.answered(answer)
  await pass(1000)
  service.answers = true
  await pass(60_000)
  expect(sent.at(-1)?.backups).toEqual([answer])
  status.set({ note: 'something else' })
  await pass(1000)
  expect(sent.at(-1)?.backups).toEqual([])
})

test('the last report says how it ended, and is not waited for long', async () => {
  const { reporter, status, sent, service, pass } = createReporter()
  await pass(1000)
  status.set({ phase: 'ended', unshippedBytes: 12 })
  await reporter.end()
  expect(sent.at(-1)).toMatchObject({ phase: 'ended', unshippedBytes: 12 })

  const other = createReporter()
  other.service.hangs = true
  await other.pass(0)
  other.status.set({ phase: 'ended' })
  const beganMs = performance.now()
  await other.reporter.end()
  expect(performance.now() - beganMs).toBeLessThan(4000)
  expect(other.sent.at(-1)?.phase).toBe('ended')
  expect(service.hangs).toBe(false)
})

test('an end about which all was told already is told no more', async () => {
  const { reporter, sent, pass } = createReporter()
  await pass(0)
  await reporter.end()
  expect(sent).toHaveLength(1)
})
