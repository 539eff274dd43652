/**
 * The test node's DNS: `main.ts KUBECONFIG ADDRESS`. Answers for services and for the pods of headless ones, by what the
 * API server says at that moment; other names do not exist.
 */
import { createSocket } from 'node:dgram'
import { connect } from '../../../../webhook/kubernetes/connect.ts'
import type { ClusterApi } from '../../../../webhook/kubernetes/cluster-api.ts'
import { MissingObjectError } from '../../../../webhook/kubernetes/cluster-error.ts'
import { answerTo, readQuestion } from './message.ts'

const SERVICES = { group: '', version: 'v1', plural: 'services' }
const SLICES = { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' }
const NAME =
  /^(?:(?<host>[a-z0-9-]+)\.)?(?<service>[a-z0-9-]+)\.(?<namespace>[a-z0-9-]+)\.svc\.cluster\.local$/

interface Service {
  readonly spec: { readonly clusterIP?: string; readonly publishNotReadyAddresses?: boolean }
}
interface Endpoint {
  readonly addresses: readonly string[]
  readonly hostname?: string
  readonly conditions?: { readonly ready?: boolean }
}
interface Slices {
  readonly items: readonly { readonly endpoints?: readonly Endpoint[] }[]
}

/** Addresses of a name; undefined where there is no such name. */
async function lookUp(api: ClusterApi, name: string): Promise<string[] | undefined> {
  const parts = NAME.exec(name)?.groups
  if (parts === undefined) return undefined
  const { host, service = '', namespace = '' } = parts
  const found = await serviceOf(api, namespace, service)
  if (found === undefined) return undefined
  const { clusterIP = 'None', publishNotReadyAddresses = false } = found.spec
  if (host === undefined && clusterIP !== 'None') return [clusterIP]
  const query = { labelSelector: `kubernetes.io/service-name=${service}` }
  const slices = (await api.call({ verb: 'list', resource: SLICES, namespace, query })) as Slices
  const endpoints = slices.items
    .flatMap((slice) => slice.endpoints ?? [])
    .filter(({ conditions }) => publishNotReadyAddresses || conditions?.ready !== false)
    .filter(({ hostname }) => host === undefined || hostname === host)
  if (host !== undefined && endpoints.length === 0) return undefined
  return [...new Set(endpoints.flatMap(({ addresses }) => addresses))]
}

async function serviceOf(
  api: ClusterApi,
  namespace: string,
  name: string,
): Promise<Service | undefined> {
  try {
    return (await api.call({ verb: 'get', resource: SERVICES, namespace, name })) as Service
  } catch (error) {
    if (error instanceof MissingObjectError) return undefined
    throw error
  }
}

const [kubeconfig, address] = process.argv.slice(2)
const api = connect(kubeconfig)
const socket = createSocket('udp4')
socket.on('message', (query, from) => {
  const question = readQuestion(query)
  if (question === undefined) return
  const reply = (addresses: readonly string[] | undefined | 'failed') => {
    socket.send(answerTo(query, question, addresses), from.port, from.address)
  }
  lookUp(api, question.name).then(reply, (error: unknown) => {
    console.error(error)
    reply('failed')
  })
})
socket.bind(53, address, () => console.log(`answers at ${address}`))
