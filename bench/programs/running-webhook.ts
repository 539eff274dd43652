/** The real webhook over TLS, held to one core. */
import type { ChildProcess } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { HoldfastError } from '../../shared/errors.ts'
import { createCertificate } from '../../webhook/certificates/make-certificate.ts'
import { newFolder, type Bench } from '../bench.ts'

export interface RunningWebhook {
  readonly port: number
  readonly pid: number
  /** PEM of whom to trust. */
  readonly authority: string
  stop(): void
}

export async function startWebhook(bench: Bench): Promise<RunningWebhook> {
  const folder = await newFolder(bench)
  const file = (name: string) => path.join(folder, name)
  const { certificate, key, authority } = await createCertificate(['127.0.0.1'])
  await writeFile(file('tls.crt'), certificate)
  await writeFile(file('tls.key'), key, { mode: 0o600 })
  await writeFile(file('namespaces.yaml'), '[]\n')
  const words = ['taskset', '--cpu-list', '0', process.execPath, bench.holdfast.webhook]
  const child = bench.processes.start(words, {
    HOLDFAST_PORT: '0',
    HOLDFAST_IMAGE: 'registry.example/holdfast:1',
    HOLDFAST_STORE: 's3://bucket/prefix',
    HOLDFAST_TLS_CERT: file('tls.crt'),
    HOLDFAST_TLS_KEY: file('tls.key'),
    HOLDFAST_NAMESPACES: file('namespaces.yaml'),
  })
  const port = await portOf(child)
  return { port, pid: child.pid ?? 0, authority, stop: () => void child.kill('SIGTERM') }
}

/** The port that it says it listens on. */
async function portOf(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new HoldfastError('the webhook was started without a stdout')
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, port } = JSON.parse(line) as { msg: string; port?: number }
    if (msg !== 'listening' || port === undefined) continue
    child.stdout.resume()
    return port
  }
  throw new HoldfastError('the webhook ended before it listened')
}
