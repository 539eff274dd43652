import * as v from 'valibot'
import { expect, it } from 'vitest'
import type { HookAnswer, PodState, Report, ReportAnswer } from '../../shared/service-contract.ts'
import {
  HOOKS_PATH,
  HookAnswerSchema,
  MAX_BACKUPS,
  MAX_BODY_BYTES,
  MAX_NAME,
  MAX_WORDS,
  PODS_PATH,
  PodAnswerSchema,
  REPORT_PATH,
  ReportAnswerSchema,
  ReportSchema,
  ServiceRefusalSchema,
} from '../../shared/service-contract.ts'

const REPORT: Report = {
  stream: 'shop/shop/0',
  slot: '0',
  phase: 'running',
  reason: 'running',
  ready: true,
  line: 'main',
  unfenced: false,
  lastVersion: 43,
  lastComplete: true,
  lagSeconds: 0.25,
  unshippedBytes: 0,
  note: '',
  problem: '',
  frozen: '',
  restored: { request: 'v42', version: 42 },
  backups: [{ request: 'before-upgrade', version: 43, problem: null }],
}

it('each end reads what the other one says, and passes over what a later release adds', () => {
  expect(v.parse(ReportSchema, { ...REPORT, mood: 'good' })).toEqual(REPORT)
  const answer: ReportAnswer = { images: [{ container: 'shop', image: 'shop:1.4', digest: null }] }
  expect(v.parse(ReportAnswerSchema, { ...answer, more: 1 })).toEqual(answer)
  const state: PodState = 'gone'
  expect(v.parse(PodAnswerSchema, { state })).toEqual({ state })
  const ended: HookAnswer = { exitCode: 1, output: 'no' }
  expect(v.parse(HookAnswerSchema, ended)).toEqual(ended)
  expect(v.parse(ServiceRefusalSchema, { problem: 'no' }).problem).toBe('no')
  expect(new Set([REPORT_PATH, PODS_PATH, HOOKS_PATH]).size).toBe(3)
})

it('the largest report fits into a body', () => {
  const words = '\u0001'.repeat(MAX_WORDS)
  const name = '\u0001'.repeat(MAX_NAME)
  const backup = { request: name, version: null, problem: words }
  const largest = {
    ...REPORT,
    stream: name,
    slot: name,
    reason: words,
    note: words,
    problem: words,
    frozen: words,
    restored: { request: words, version: 1 },
    backups: Array.from({ length: MAX_BACKUPS }, () => backup),
  }
  expect(v.is(ReportSchema, largest)).toBe(true)
  expect(Buffer.byteLength(JSON.stringify(largest))).toBeLessThan(MAX_BODY_BYTES)
})
