/** The configuration files of a test node. Everything that is not said here is Kubernetes' own default. */
import { join } from 'node:path'
import { CGROUP, NETWORK, type NodePlace } from './place.ts'

/** Debian's place for them. */
export const CNI_PLUGINS = '/usr/lib/cni'
export const PAUSE_IMAGE = 'localhost/pause:1'

/** File names below the place, and what they hold. JSON is YAML, too. */
export function settingsOf(place: NodePlace): Record<string, string> {
  return {
    'containerd.toml': containerd(place),
    'kubelet.json': JSON.stringify(kubelet(place)),
    'kube-proxy.json': JSON.stringify(kubeProxy(place)),
    'resolv.conf': `nameserver ${NETWORK.nodeIp}\n`,
    'cni/pods.conflist': JSON.stringify(podNetwork(place)),
  }
}

export function containerdSocket({ dir }: NodePlace): string {
  return join(dir, 'run/containerd.sock')
}

function containerd(place: NodePlace): string {
  return `version = 3
root = "${place.dir}/containerd"
state = "${place.dir}/run/containerd"
[grpc]
  address = "${containerdSocket(place)}"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "${PAUSE_IMAGE}"
[plugins.'io.containerd.cri.v1.runtime']
  disable_apparmor = true
  # A machine may lack the controller.
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  # Without CAP_SYS_RESOURCE (most containers' root) no score may be lowered, and no container would start.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["${CNI_PLUGINS}"]
    conf_dir = "${place.dir}/cni"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = "${place.bin}/runc"
      Root = "${place.dir}/run/runc"
`
}

function kubelet(place: NodePlace): object {
  const pki = join(place.dir, 'pki')
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    // The suite runs on machines of both kinds.
    failCgroupV1: false,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${CGROUP}`,
    containerRuntimeEndpoint: `unix://${containerdSocket(place)}`,
    address: NETWORK.nodeIp,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(pki, 'authority.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: join(pki, 'kubelet.crt'),
    tlsPrivateKeyFile: join(pki, 'kubelet.key'),
    clusterDomain: 'cluster.local',
    clusterDNS: [NETWORK.nodeIp],
    resolvConf: join(place.dir, 'resolv.conf'),
    podLogsDir: join(place.dir, 'log/pods'),
    volumePluginDir: join(place.dir, 'volume-plugins'),
    maxPods: 220,
    // A burst of pods is what some tests are about.
    kubeAPIQPS: 200,
    kubeAPIBurst: 400,
    failSwapOn: false,
    // No registry would bring an image back.
    imageGCHighThresholdPercent: 100,
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '1%',
      'imagefs.available': '1%',
    },
  }
}

function kubeProxy(place: NodePlace): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    bindAddress: NETWORK.nodeIp,
    clusterCIDR: NETWORK.pods,
    clientConnection: { kubeconfig: join(place.dir, 'pki/kube-proxy.kubeconfig') },
    // The machine's own limits stay.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  }
}

/** Pods speak to this machine as the node does (masquerade), so that it needs no route back to them. */
function podNetwork(place: NodePlace): object {
  const ipam = {
    type: 'host-local',
    dataDir: join(place.dir, 'run/ipam'),
    ranges: [[{ subnet: NETWORK.pods }]],
    routes: [{ dst: '0.0.0.0/0' }],
  }
  const bridge = {
    type: 'bridge',
    bridge: 'pods',
    isGateway: true,
    ipMasq: true,
    hairpinMode: true,
  }
  return { cniVersion: '1.0.0', name: 'pods', plugins: [{ ...bridge, ipam }] }
}
