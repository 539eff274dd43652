/** The real webhook as a process of its own, asked over HTTPS as the API server asks it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import { request } from 'node:https'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { json } from 'node:stream/consumers'
import jsonPatch from 'fast-json-patch'
import { HoldfastError } from '../shared/errors.ts'
import { createCertificate } from '../webhook/certificates/make-certificate.ts'

export interface Admitted<T> {
  readonly pod: T
  readonly warnings: readonly string[]
  readonly tookMs: number
}

export interface WebhookProcess {
  readonly url: string
  /** What a CREATE of this pod becomes. Throws `AdmissionRefused`. */
  admit<T extends object>(pod: T, namespace: string): Promise<Admitted<T>>
  close(): Promise<void>
}

export class AdmissionRefused extends HoldfastError {}

interface Response {
  readonly allowed: boolean
  readonly patch?: string
  readonly warnings?: string[]
  readonly status?: { readonly message: string }
}

/** @param environment of the webhook: its store, the sidecar's image. */
export async function startWebhook(
  directory: string,
  environment: Readonly<Record<string, string>>,
): Promise<WebhookProcess> {
  const pair = await createCertificate(['127.0.0.1'])
  const files = {
    cert: path.join(directory, 'tls.crt'),
    key: path.join(directory, 'tls.key'),
    namespaces: path.join(directory, 'namespaces.yaml'),
  }
  await fs.writeFile(files.cert, pair.certificate)
  await fs.writeFile(files.key, pair.key, { mode: 0o600 })
  await fs.writeFile(files.namespaces, '[]\n')
  const main = path.resolve(import.meta.dirname, '../webhook/main.ts')
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      HOLDFAST_PORT: '0',
      HOLDFAST_TLS_CERT: files.cert,
      HOLDFAST_TLS_KEY: files.key,
      HOLDFAST_NAMESPACES: files.namespaces,
      ...environment,
    },
  })
  process.once('exit', () => child.kill('SIGKILL'))
  const port = await listeningPort(child.stdout)
  return {
    url: `https://127.0.0.1:${port}/mutate`,
    admit: (pod, namespace) => admit(pod, namespace, port, pair.authority),
    async close() {
      if (child.exitCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

async function listeningPort(stdout: NodeJS.ReadableStream): Promise<number> {
  for await (const line of createInterface({ input: stdout })) {
    const { msg, port } = JSON.parse(line) as { msg?: string; port?: number }
    if (msg === 'listening' && port !== undefined) {
      stdout.resume()
      return port
    }
  }
  throw new HoldfastError('the webhook ended before it listened')
}

async function admit<T extends object>(
  pod: T,
  namespace: string,
  port: number,
  authority: string,
): Promise<Admitted<T>> {
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: crypto.randomUUID(),
      operation: 'CREATE',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      namespace,
      object: pod,
    },
  }
  const beganMs = performance.now()
  const response = await post(JSON.stringify(review), port, authority)
  const tookMs = performance.now() - beganMs
  if (!response.allowed) throw new AdmissionRefused(response.status?.message ?? 'refused')
  const patched = structuredClone(pod)
  if (response.patch !== undefined) {
    const patch = JSON.parse(
      Buffer.from(response.patch, 'base64').toString(),
    ) as jsonPatch.Operation[]
    jsonPatch.applyPatch(patched, patch)
  }
  return { pod: patched, warnings: response.warnings ?? [], tookMs }
}

function post(body: string, port: number, ca: string): Promise<Response> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }
    const call = request(
      { host: '127.0.0.1', port, path: '/mutate', method: 'POST', ca, headers },
      (res) => {
        resolve(json(res).then((answer) => (answer as { response: Response }).response))
      },
    )
    call.once('error', reject)
    call.end(body)
  })
}
