/**
 * The service over HTTPS: one connection for each call, none in between; its certificate is trusted by the assignment's
 * authorities alone. The token is read for each call, since the kubelet renews it. What it needs is loaded with the first
 * call: an agent without a service pays nothing.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import * as v from 'valibot'
import {
  HOOKS_PATH,
  HookAnswerSchema,
  MAX_BODY_BYTES,
  PODS_PATH,
  PodAnswerSchema,
  REPORT_PATH,
  ReportAnswerSchema,
  ServiceRefusalSchema,
} from '../../shared/service-contract.ts'
import type { AgentService } from '../../shared/sidecar-contract.ts'
import { ServiceError, type Service } from './service.ts'

/** Whatever the service has to do for a call but a hook. */
const TIMEOUT_MS = 2_000

interface Call<S extends v.GenericSchema> {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: object
  readonly answer: S
  readonly timeoutMs?: number
  readonly signal: AbortSignal | undefined
}

/** @param tokenFile where the kubelet keeps the pod's token. */
export function httpsService(service: AgentService, tokenFile: string): Service {
  const ask = <S extends v.GenericSchema>(call: Call<S>) => callService(service, tokenFile, call)
  return {
    report: (body, signal) =>
      ask({ method: 'POST', path: REPORT_PATH, body, answer: ReportAnswerSchema, signal }),
    async podState({ name, uid }, signal) {
      const path = `${PODS_PATH}/${encodeURIComponent(name)}/${encodeURIComponent(uid)}`
      return (await ask({ method: 'GET', path, answer: PodAnswerSchema, signal })).state
    },
    runHook: (hook, timeoutMs, signal) =>
      ask({
        method: 'POST',
        path: `${HOOKS_PATH}/${hook}`,
        answer: HookAnswerSchema,
        timeoutMs,
        signal,
      }),
  }
}

async function callService<S extends v.GenericSchema>(
  service: AgentService,
  tokenFile: string,
  call: Call<S>,
): Promise<v.InferOutput<S>> {
  const { status, text } = await exchange(service, readToken(tokenFile), call)
  const said = parseJson(text)
  if (status !== 200) {
    const refusal = v.safeParse(ServiceRefusalSchema, said)
    const problem = refusal.success ? refusal.output.problem : `it answered ${status}`
    throw new ServiceError(`the service refuses: ${problem}`, status >= 400 && status < 500)
  }
  const answer = v.safeParse(call.answer, said)
  if (answer.success) return answer.output
  const issue = answer.issues[0]
  throw new ServiceError(
    `the service's answer to ${call.method} ${call.path} does not read: ${v.getDotPath(issue) ?? 'the body'} is ${issue.received}`,
    false,
  )
}

async function exchange(
  { url, ca }: AgentService,
  token: string,
  { method, path, body, timeoutMs = TIMEOUT_MS, signal: ended }: Call<v.GenericSchema>,
): Promise<{ status: number; text: string }> {
  const { request } = await import('node:https')
  const late = AbortSignal.timeout(timeoutMs)
  const signal = ended === undefined ? late : AbortSignal.any([late, ended])
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  }
  try {
    return await new Promise((resolve, reject) => {
      const options = { method, headers, ca, agent: false, signal, minVersion: 'TLSv1.2' } as const
      const asked = request(new URL(path, url), options, (answer) => {
        readText(answer).then(
          (whole) => resolve({ status: answer.statusCode ?? 0, text: whole }),
          reject,
        )
      })
      asked.once('error', reject)
      asked.end(text)
    })
  } catch (cause) {
    const { code, name } = cause as NodeJS.ErrnoException
    const why = late.aborted ? `no answer within ${timeoutMs} ms` : (code ?? name)
    throw new ServiceError(`the service at ${url} does not answer: ${why}`, wasUnheard(code), {
      cause,
    })
  }
}

/** No connection came about: not one byte of the request was sent. */
function wasUnheard(code: string | undefined): boolean {
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN'
}

async function readText(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of answer as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > MAX_BODY_BYTES)
      throw new ServiceError(`the service answers more than ${MAX_BODY_BYTES} bytes`, false)
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new ServiceError(`the pod's token ${file} cannot be read (${code})`, true, { cause })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
