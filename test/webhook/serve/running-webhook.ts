/** A webhook that answers over HTTPS, with a repository whose answers are known, and reviews to send to it. */
import { pino } from 'pino'
import { systemClock } from '../../../shared/clock.ts'
import { HoldfastError, NotFoundError } from '../../../shared/errors.ts'
import { admissions } from '../../../webhook/admission/admissions.ts'
import {
  createCertificate,
  type MadeCertificate,
} from '../../../webhook/certificates/make-certificate.ts'
import type { NamespacePolicies } from '../../../webhook/admission/namespace-policies.ts'
import type { PinResolver } from '../../../webhook/inject/pin-resolver.ts'
import type { RunningPods } from '../../../webhook/workload/running-pods.ts'
import { startServer, type WebhookServer } from '../../../webhook/serve/server.ts'
import { SERVICE, readCase } from '../../golden/admission-case.ts'
import { call, type Reply } from './https-client.ts'

const resolvePin: PinResolver = (stream, pin) => {
  if (pin.kind === 'fresh') return Promise.resolve({ version: null, images: [] })
  if (pin.kind === 'version' && pin.number === 42)
    return Promise.resolve({ version: 42, images: [{ container: 'shop', image: 'shop:1.4' }] })
  if (pin.kind === 'version')
    return Promise.reject(
      new NotFoundError(`stream ${stream.namespace}/${stream.app} has no v${pin.number}`),
    )
  if (pin.kind === 'latest') return Promise.reject(new HoldfastError('the store does not answer'))
  if (pin.kind === 'time') return new Promise(() => undefined)
  return Promise.reject(new TypeError('a secret detail'))
}

const policies: NamespacePolicies = {
  factsOf: (namespace) =>
    namespace === 'strict'
      ? Promise.resolve({ policy: 'allow: {exec: maybe}', restricted: true })
      : Promise.resolve({ restricted: false }),
}

export const dependencies = { service: SERVICE, policies, resolvePin, deadlineMs: 300 }
export const NO_PODS: RunningPods = { podsOf: async () => [] }
export const log = pino({ level: 'silent' })
export const { pod: SHOP, context: SHOP_CONTEXT } = readCase('deployment-emptydir')

/** A server, the certificate that it shows, and the two ways to ask it. */
export class RunningWebhook {
  readonly certificate: MadeCertificate
  readonly server: WebhookServer

  private constructor(certificate: MadeCertificate, server: WebhookServer) {
    this.certificate = certificate
    this.server = server
  }

  static async start(): Promise<RunningWebhook> {
    const certificate = await createCertificate(['localhost', '127.0.0.1'])
    const server = await startServer({
      port: 0,
      keyPair: certificate,
      log,
      admissions: admissions({ ...dependencies, pods: NO_PODS, clock: systemClock }),
    })
    return new RunningWebhook(certificate, server)
  }

  send(body: unknown, path?: string): Promise<Reply> {
    return this.sendText(JSON.stringify(body), path)
  }

  sendText(body: string | Buffer, path = '/mutate'): Promise<Reply> {
    const { port } = this.server
    return call({ port, authority: this.certificate.authority, path, body })
  }

  get(path: string): Promise<Reply> {
    const { port } = this.server
    return call({ port, authority: this.certificate.authority, path })
  }
}

/** The review of a pod's creation in the namespace `shop`, unless `request` says otherwise. */
export function review(object: unknown, request: object = {}): object {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      operation: 'CREATE',
      namespace: 'shop',
      dryRun: false,
      ...request,
      object,
      oldObject: null,
    },
  }
}
