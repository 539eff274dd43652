import { request } from 'node:https'

export interface Reply {
  readonly status: number
  readonly text: string
  /** The body, where it is JSON. */
  readonly json: Review | undefined
}

export interface Review {
  apiVersion: string
  kind: string
  response: {
    uid: string
    allowed: boolean
    patch?: string
    patchType?: string
    warnings?: string[]
    status?: { code: number; message: string; reason: string; status: string }
  }
}

export interface Call {
  readonly port: number
  readonly authority: string
  readonly method?: string
  readonly path?: string
  readonly body?: string | Buffer
  /** Of whomever, as the kubelet's probes are. */
  readonly isTrusting?: boolean
}

/** One HTTPS request to 127.0.0.1 on a connection of its own, trusting `authority` only. */
export function call(what: Call): Promise<Reply> {
  const { port, authority, method, path = '/mutate', body, isTrusting = false } = what
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path,
        ca: authority,
        rejectUnauthorized: !isTrusting,
        agent: false,
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: { 'content-type': 'application/json' },
      },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8')
          const isJson = response.headers['content-type']?.startsWith('application/json') ?? false
          const json = isJson ? (JSON.parse(text) as Review) : undefined
          resolve({ status: response.statusCode ?? 0, text, json })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
