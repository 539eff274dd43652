/** Who speaks to whom in the test cluster: certificates and kubeconfigs, as files of the place. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeAuthority, tokenKeys, type Identity, type Subject } from './authority.ts'
import { API_SERVER, NETWORK, NODE_NAME, type NodePlace } from './place.ts'

const SERVICE = 'kubernetes.default.svc'
const SUBJECTS: Record<string, Subject> = {
  apiserver: {
    user: 'kube-apiserver',
    serves: ['kubernetes', 'kubernetes.default', SERVICE, NETWORK.nodeIp, NETWORK.apiServiceIp],
  },
  'apiserver-to-kubelet': { user: 'kube-apiserver-to-kubelet', group: 'system:masters' },
  'front-proxy': { user: 'front-proxy' },
  kubelet: {
    user: `system:node:${NODE_NAME}`,
    group: 'system:nodes',
    serves: [NODE_NAME, NETWORK.nodeIp],
  },
  'controller-manager': { user: 'system:kube-controller-manager' },
  scheduler: { user: 'system:kube-scheduler' },
  'kube-proxy': { user: 'system:kube-proxy' },
  admin: { user: 'admin', group: 'system:masters' },
}

/** Returns the administrator's kubeconfig. */
export async function writeIdentities({ dir }: NodePlace): Promise<string> {
  const file = (name: string) => join(dir, 'pki', name)
  const authority = await makeAuthority()
  writeFileSync(file('authority.crt'), authority.certificate)
  writeFileSync(file('authority.key'), authority.key)
  const tokens = await tokenKeys()
  writeFileSync(file('tokens.key'), tokens.signing)
  writeFileSync(file('tokens.pub'), tokens.verifying)
  for (const [name, subject] of Object.entries(SUBJECTS)) {
    const identity = await authority.issue(subject)
    writeFileSync(file(`${name}.crt`), identity.certificate)
    writeFileSync(file(`${name}.key`), identity.key)
    writeFileSync(file(`${name}.kubeconfig`), kubeconfig(authority.certificate, identity))
  }
  return file('admin.kubeconfig')
}

function kubeconfig(authority: string, { certificate, key }: Identity): string {
  const cluster = { server: API_SERVER, 'certificate-authority-data': base64(authority) }
  const user = { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) }
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'test', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  })
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
