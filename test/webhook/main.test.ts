import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createCertificate,
  type MadeCertificate,
} from '../../webhook/certificates/make-certificate.ts'
import { readCase } from '../golden/admission-case.ts'
import { call } from './serve/https-client.ts'

let directory: string
let certificate: MadeCertificate

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-webhook-'))
  certificate = await createCertificate(['127.0.0.1'])
  await writeFile(join(directory, 'tls.crt'), certificate.certificate)
  await writeFile(join(directory, 'tls.key'), certificate.key)
  await writeFile(join(directory, 'namespaces.yaml'), '[]')
})

afterEach(() => rm(directory, { recursive: true }))

function start(environment: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, ['webhook/main.ts'], {
    env: {
      PATH: process.env.PATH,
      HOLDFAST_IMAGE: 'holdfast:1',
      HOLDFAST_STORE: 's3://continuity/prod',
      HOLDFAST_PORT: '0',
      HOLDFAST_TLS_CERT: join(directory, 'tls.crt'),
      HOLDFAST_TLS_KEY: join(directory, 'tls.key'),
      HOLDFAST_NAMESPACES: join(directory, 'namespaces.yaml'),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** The port that the program says it listens on. */
async function portOf(program: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: program.stdout! })) {
    const entry = JSON.parse(line) as { msg: string; port?: number }
    if (entry.msg === 'listening' && entry.port !== undefined) return entry.port
  }
  throw new Error('the webhook ended before it listened')
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  const parts: string[] = []
  for await (const part of stream) parts.push(String(part))
  return parts.join('')
}

function review(): string {
  const request = {
    uid: 'u',
    operation: 'CREATE',
    namespace: 'shop',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    object: readCase('deployment-emptydir').pod,
  }
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request })
}

describe('the program', () => {
  it('serves from the line with its port on, and ends in order at SIGTERM', async () => {
    const program = start()
    const port = await portOf(program)
    const { authority } = certificate
    expect((await call({ port, authority, path: '/readyz' })).status).toBe(200)
    expect((await call({ port, authority, body: review() })).json?.response.patch).toBeDefined()
    const exit = once(program, 'exit')
    program.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
  })

  it('tells the agents where it is, and by which authority they know it', async () => {
    await writeFile(join(directory, 'ca.crt'), certificate.authority)
    const url = 'https://holdfast-webhook.holdfast-system.svc'
    const program = start({
      HOLDFAST_SERVICE_URL: url,
      HOLDFAST_TLS_CA: join(directory, 'ca.crt'),
    })
    const port = await portOf(program)
    const { json } = await call({ port, authority: certificate.authority, body: review() })
    const patch = Buffer.from(json?.response.patch ?? '', 'base64').toString()
    expect(patch).toContain(
      JSON.stringify(JSON.stringify({ url, ca: certificate.authority })).slice(1, -1),
    )
    expect(patch).toContain('"serviceAccountToken"')
    program.kill('SIGTERM')
    await once(program, 'exit')
  })

  it.each([
    [
      'settings',
      { HOLDFAST_IMAGE: '', HOLDFAST_PORT: 'x' },
      /^HOLDFAST_PORT .*\nHOLDFAST_IMAGE .*\n$/,
    ],
    ['a certificate', { HOLDFAST_TLS_KEY: '/nowhere' }, /^"\/nowhere" cannot be read .*\n$/],
    ['Namespaces', { HOLDFAST_NAMESPACES: '/nowhere' }, /^the Namespaces in "\/nowhere" .*\n$/],
  ])('ends with 2 and a sentence where %s cannot be read', async (_, environment, message) => {
    const program = start(environment)
    const [text, [code]] = await Promise.all([textOf(program.stderr!), once(program, 'exit')])
    expect(text).toMatch(message)
    expect(code).toBe(2)
  })
})
