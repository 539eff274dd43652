/** The program itself on a cluster, twice: a certificate within seconds, one that leads, the other after it at once. */
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { certificatesIn } from '../../webhook/certificates/kept-certificates.ts'
import { certificateSecret } from '../../webhook/kubernetes/certificate-secret.ts'
import { connect } from '../../webhook/kubernetes/connect.ts'
import { call } from '../webhook/serve/https-client.ts'
import { eventually, kubectl } from './installed.ts'

/** Not the service's usual one: webhooks that call a Service elsewhere are left alone. */
const NAME = `holdfast-program-${randomBytes(4).toString('hex')}`
const replicas: Replica[] = []

interface Replica {
  readonly program: ChildProcess
  readonly said: string[]
  port: number
}

function start(): Replica {
  const program = spawn(process.execPath, ['webhook/main.ts'], {
    env: {
      PATH: process.env['PATH'],
      KUBECONFIG: process.env['KUBECONFIG'],
      HOLDFAST_NAMESPACE: NAME,
      HOLDFAST_IMAGE: 'holdfast:1',
      HOLDFAST_STORE: 's3://continuity/prod',
      HOLDFAST_PORT: '0',
      HOLDFAST_TLS_NAMES: '127.0.0.1',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const replica: Replica = { program, said: [], port: 0 }
  createInterface({ input: program.stdout }).on('line', (line) => {
    const { msg, port } = JSON.parse(line) as { msg: string; port?: number }
    replica.said.push(msg)
    replica.port = port ?? replica.port
  })
  replicas.push(replica)
  return replica
}

const leads = ({ said }: Replica) => said.includes('leading')

beforeAll(() => kubectl('create', 'namespace', NAME))
afterAll(() => {
  for (const { program } of replicas) program.kill('SIGKILL')
  kubectl('delete', 'namespace', NAME, '--wait=false')
})

describe('two replicas', () => {
  it('serve one certificate, and hand the leadership over when they drain', async () => {
    const [one, two] = [start(), start()]
    const store = certificateSecret(
      connect(process.env['KUBECONFIG']),
      NAME,
      'holdfast-webhook-tls',
    )
    const ready = async ({ port }: Replica) => {
      const authority = (await store.read())?.data['ca.crt'] ?? ''
      return call({ port, authority, path: '/readyz' }).catch(() => undefined)
    }
    for (const replica of [one, two])
      await eventually(async () => expect((await ready(replica))?.text).toBe('ok\n'))
    expect(certificatesIn((await store.read())?.data['ca.crt'] ?? '')).toHaveLength(1)
    await eventually(() => expect([one, two].filter(leads)).toHaveLength(1))
    const [leader, other] = leads(one) ? [one, two] : [two, one]
    const exit = once(leader.program, 'exit')
    leader.program.kill('SIGTERM')
    await eventually(async () => expect((await ready(leader))?.text).toBe('draining\n'))
    await eventually(() => expect(leads(other)).toBe(true))
    expect(await exit).toEqual([0, null])
    expect((await ready(other))?.status).toBe(200)
  })
})
