/** The API server over HTTPS: one place for addresses, deadlines and broken connections. */
import { Agent, request, type RequestOptions } from 'node:https'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { answerError, noAnswerError, noCredentialsError, type Asked } from './answer-error.ts'
import type { ClusterApi, ClusterCall, WatchCall, WatchLine } from './cluster-api.ts'

/** Where the API server is and who we are there; asked before each request, because tokens and keys are replaced. */
export interface Access {
  /** `https://…`, with a path where a proxy needs one. */
  readonly server: string
  credentials(): Promise<Credentials>
}

/** What a request and its connection need; all PEM. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>
  readonly ca?: string | Buffer
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  readonly servername?: string
}

const TIMES = {
  /** An answer takes milliseconds; one that is not there by now will not come on this connection. */
  answerMs: 10_000,
  /** A watch tells its bookmark every minute, as a rule; one that is silent for longer stands on a dead connection. */
  silenceMs: 90_000,
}
/** Shorter than the API server keeps an idle connection, so that we are the ones who close it. */
const IDLE_MS = 45_000
/** A burst of admissions waits here, and does not become a burst at the API server. */
const CONNECTIONS = 32
const METHODS = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
} as const
const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const

export class HttpsApi implements ClusterApi {
  readonly #access: Access
  readonly #times: typeof TIMES
  #agent: { readonly of: string; readonly agent: Agent } | undefined

  constructor(access: Access, times: Partial<typeof TIMES> = {}) {
    this.#access = access
    this.#times = { ...TIMES, ...times }
  }

  async call(call: ClusterCall): Promise<unknown> {
    const deadline = AbortSignal.timeout(this.#times.answerMs)
    const signal = call.signal === undefined ? deadline : AbortSignal.any([call.signal, deadline])
    const response = await this.#answer(call, signal)
    const body = await text(response).catch((cause: unknown) => {
      throw noAnswerError(call, cause)
    })
    const status = response.statusCode ?? 0
    if (status < 200 || status >= 300) throw answerError(call, status, body)
    return parse(call, body)
  }

  async *watch(call: WatchCall): AsyncGenerator<WatchLine> {
    const asked = { ...call, verb: 'watch', query: { ...call.query, watch: 'true' } } as const
    const response = await this.#answer(asked, call.signal, this.#times.silenceMs)
    const status = response.statusCode ?? 0
    if (status !== 200) throw answerError(asked, status, await text(response).catch(() => ''))
    try {
      for await (const line of linesOf(response)) yield parse(asked, line) as WatchLine
    } catch (cause) {
      if (!call.signal.aborted) throw noAnswerError(asked, cause)
    } finally {
      response.destroy()
    }
  }

  async #answer(
    asked: Asked & Pick<ClusterCall, 'query' | 'body' | 'patch'>,
    signal: AbortSignal,
    silenceMs?: number,
  ): Promise<IncomingMessage> {
    for (;;) {
      const { options, url } = await this.#options(asked, signal)
      const outgoing = request(url, options)
      // Those that come after the answer has begun are the answer's, too, and are met there.
      outgoing.on('error', () => undefined)
      // The socket's own silence: a connection that died without a word is noticed by nothing else.
      if (silenceMs !== undefined)
        outgoing.setTimeout(silenceMs, () => outgoing.destroy(new Error('silent for too long')))
      outgoing.end(asked.body === undefined ? undefined : JSON.stringify(asked.body))
      try {
        const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
        return response
      } catch (cause) {
        // The server closed an idle connection just as it was used again: nothing was read of the request.
        const wasClosed =
          outgoing.reusedSocket && (cause as NodeJS.ErrnoException).code === 'ECONNRESET'
        if (!wasClosed || METHODS[asked.verb] !== 'GET') throw noAnswerError(asked, cause)
      }
    }
  }

  async #options(
    asked: Asked & Pick<ClusterCall, 'query' | 'body' | 'patch'>,
    signal: AbortSignal,
  ): Promise<{ url: URL; options: RequestOptions }> {
    const credentials = await this.#access.credentials().catch((cause: unknown) => {
      throw noCredentialsError(cause)
    })
    const type = asked.patch === undefined ? 'application/json' : PATCH_TYPES[asked.patch]
    const headers = {
      ...credentials.headers,
      accept: 'application/json',
      'user-agent': 'holdfast-webhook',
      ...(asked.body !== undefined && { 'content-type': type }),
    }
    const method = METHODS[asked.verb]
    const options = { method, headers, signal, agent: this.#agentFor(credentials) }
    return { url: urlOf(this.#access.server, asked), options }
  }

  /** One for as long as the keys are the same: connections are kept. */
  #agentFor({ ca, cert, key, servername }: Credentials): Agent {
    const of = [ca, cert, key, servername].map((part) => part?.toString() ?? '').join('\n')
    if (this.#agent?.of === of) return this.#agent.agent
    const keep = { keepAlive: true, maxSockets: CONNECTIONS, timeout: IDLE_MS }
    const agent = new Agent({ ...keep, ca, cert, key, servername })
    this.#agent = { of, agent }
    return agent
  }
}

function urlOf(server: string, asked: Asked & Pick<ClusterCall, 'query'>): URL {
  const { resource, namespace, name, subresource, query } = asked
  const parts = [
    ...(resource.group === '' ? ['api'] : ['apis', resource.group]),
    resource.version,
    ...(namespace === undefined ? [] : ['namespaces', namespace]),
    resource.plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ]
  const url = new URL(`${server.replace(/\/$/, '')}/${parts.map(encodeURIComponent).join('/')}`)
  for (const [key, value] of Object.entries(query ?? {})) url.searchParams.set(key, value)
  return url
}

/** Whole lines; a line without an end is half of one, and dropped. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8')
  let rest = ''
  for await (const part of response as AsyncIterable<string>) {
    const lines = (rest + part).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

function parse(asked: Asked, body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw noAnswerError(asked, cause)
  }
}
