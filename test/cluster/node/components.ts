/** The processes of a test node, and what each is told. */
import { join } from 'node:path'
import { containerdSocket } from './settings.ts'
import { NETWORK, NODE_NAME, type NodePlace } from './place.ts'

export type Component = readonly [program: string, ...words: string[]]

const ETCD = 'http://127.0.0.1:2379'
const ETCD_PEER = 'http://127.0.0.1:2380'

/** @param node of Node.js, which runs the DNS. */
export function componentsOf(place: NodePlace, node: string) {
  const bin = (name: string) => join(place.bin, name)
  const pki = (name: string) => join(place.dir, 'pki', name)
  return {
    etcd: [
      bin('etcd'),
      `--data-dir=${place.dir}/etcd`,
      // It need not survive a power cut.
      '--unsafe-no-fsync',
      '--log-level=warn',
      `--listen-client-urls=${ETCD}`,
      `--advertise-client-urls=${ETCD}`,
      `--listen-peer-urls=${ETCD_PEER}`,
      `--initial-advertise-peer-urls=${ETCD_PEER}`,
      `--initial-cluster=default=${ETCD_PEER}`,
    ],
    apiserver: [
      bin('kube-apiserver'),
      `--etcd-servers=${ETCD}`,
      `--bind-address=${NETWORK.nodeIp}`,
      `--advertise-address=${NETWORK.nodeIp}`,
      `--service-cluster-ip-range=${NETWORK.services}`,
      `--cert-dir=${place.dir}/run`,
      `--tls-cert-file=${pki('apiserver.crt')}`,
      `--tls-private-key-file=${pki('apiserver.key')}`,
      `--client-ca-file=${pki('authority.crt')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${pki('tokens.pub')}`,
      `--service-account-signing-key-file=${pki('tokens.key')}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      `--kubelet-client-certificate=${pki('apiserver-to-kubelet.crt')}`,
      `--kubelet-client-key=${pki('apiserver-to-kubelet.key')}`,
      `--kubelet-certificate-authority=${pki('authority.crt')}`,
      '--kubelet-preferred-address-types=InternalIP',
      `--requestheader-client-ca-file=${pki('authority.crt')}`,
      '--requestheader-allowed-names=front-proxy',
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${pki('front-proxy.crt')}`,
      `--proxy-client-key-file=${pki('front-proxy.key')}`,
    ],
    'controller-manager': [
      bin('kube-controller-manager'),
      ...withKubeconfig(pki('controller-manager.kubeconfig')),
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${pki('tokens.key')}`,
      `--root-ca-file=${pki('authority.crt')}`,
      `--client-ca-file=${pki('authority.crt')}`,
      `--requestheader-client-ca-file=${pki('authority.crt')}`,
      // Tests delete and make many objects at once.
      '--kube-api-qps=200',
      '--kube-api-burst=400',
    ],
    scheduler: [
      bin('kube-scheduler'),
      ...withKubeconfig(pki('scheduler.kubeconfig')),
      '--kube-api-qps=200',
      '--kube-api-burst=400',
    ],
    containerd: [bin('containerd'), '--config', `${place.dir}/containerd.toml`, '--log-level=warn'],
    kubelet: [
      bin('kubelet'),
      `--config=${place.dir}/kubelet.json`,
      `--kubeconfig=${pki('kubelet.kubeconfig')}`,
      `--root-dir=${place.dir}/kubelet`,
      `--cert-dir=${place.dir}/run`,
      `--hostname-override=${NODE_NAME}`,
      `--node-ip=${NETWORK.nodeIp}`,
    ],
    'kube-proxy': [
      bin('kube-proxy'),
      `--config=${place.dir}/kube-proxy.json`,
      `--hostname-override=${NODE_NAME}`,
    ],
    dns: [node, join(import.meta.dirname, 'dns/main.ts'), pki('admin.kubeconfig'), NETWORK.nodeIp],
  } satisfies Record<string, Component>
}

export type ComponentName = keyof ReturnType<typeof componentsOf>

/** @param file a tar that an engine or `make image-tar` wrote. */
export function importImage(place: NodePlace, file: string): Component {
  const socket = ['--address', containerdSocket(place), '--namespace', 'k8s.io']
  return [join(place.bin, 'ctr'), ...socket, 'images', 'import', file]
}

function withKubeconfig(file: string): string[] {
  return [
    `--kubeconfig=${file}`,
    `--authentication-kubeconfig=${file}`,
    `--authorization-kubeconfig=${file}`,
    '--bind-address=127.0.0.1',
    '--leader-elect=false',
  ]
}
