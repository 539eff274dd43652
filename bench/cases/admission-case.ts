/** How long the API server waits for the webhook, at a steady rate. */
import { Agent, request } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { readCase } from '../../test/golden/admission-case.ts'
import { HoldfastError } from '../../shared/errors.ts'
import type { Case } from '../bench.ts'
import { addTo } from '../measure/measured-work.ts'
import { cpuMsOf } from '../measure/proc.ts'
import { startWebhook, type RunningWebhook } from '../programs/running-webhook.ts'

const PER_SECOND = 200
const WARM_UP = 200
/** The API server keeps some connections open. */
const CONNECTIONS = 8
const PODS = ['deployment-emptydir', 'statefulset-pvc', 'nested-mounts', 'guaranteed']

export const admission: Case = {
  name: 'admission',
  stores: ['local'],
  once: false,
  async run(bench, turn) {
    const webhook = await startWebhook(bench)
    const ask = asker(webhook)
    await atRate(WARM_UP, ask)
    const cpuBefore = cpuMsOf(webhook.pid)
    const beganMs = performance.now()
    const times = (await atRate(bench.sizes.admissions, ask)).toSorted((a, b) => a - b)
    const share = (cpuMsOf(webhook.pid) - cpuBefore) / (performance.now() - beganMs)
    webhook.stop()
    const work = `admission at ${PER_SECOND}/s on one core`
    const add = addTo(bench, { ...turn, store: '' }, work, 'holdfast')
    const at = (part: number) => times[Math.floor(times.length * part)] ?? Number.NaN
    add('p50', 'ms', at(0.5))
    add('p99', 'ms', at(0.99))
    add('CPU, share of a core', 'percent', share * 100)
  },
}

/** Each request is sent at its time, whatever became of those before it. Resolves to the latencies in milliseconds. */
async function atRate(count: number, ask: (i: number) => Promise<void>): Promise<number[]> {
  const beganMs = performance.now()
  const answers: Promise<number>[] = []
  for (let i = 0; i < count; i += 1) {
    const dueMs = beganMs + (i * 1000) / PER_SECOND
    const waitMs = dueMs - performance.now()
    if (waitMs > 0) await sleep(waitMs)
    const sentMs = performance.now()
    answers.push(ask(i).then(() => performance.now() - sentMs))
  }
  return Promise.all(answers)
}

function asker({ port, authority }: RunningWebhook): (i: number) => Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca: authority })
  const bodies = PODS.map((name) => JSON.stringify(review(readCase(name).pod)))
  return (i) =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port,
          path: '/mutate',
          method: 'POST',
          agent,
          headers: { 'content-type': 'application/json' },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (part: string) => (text += part))
          response.once('end', () => {
            if (text.includes('"patch"')) resolve()
            else reject(new HoldfastError(`the webhook answered without a patch: ${text}`))
          })
        },
      )
      outgoing.once('error', reject)
      outgoing.end(bodies[i % bodies.length])
    })
}

function review(pod: unknown): object {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'bench',
      operation: 'CREATE',
      namespace: 'shop',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      object: pod,
    },
  }
}
