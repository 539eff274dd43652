/** Persistent volumes of a test node: folders, handed out by the default StorageClass as claims come. */
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterApi } from '../../../webhook/kubernetes/cluster-api.ts'
import { NODE_NAME, type NodePlace } from './place.ts'

const CLASS = 'local'
/** None is used twice. */
const COUNT = 60
const CLASSES = { group: 'storage.k8s.io', version: 'v1', plural: 'storageclasses' }
const VOLUMES = { group: '', version: 'v1', plural: 'persistentvolumes' }

export async function makeVolumes({ dir }: NodePlace, api: ClusterApi): Promise<void> {
  await api.call({ verb: 'create', resource: CLASSES, body: storageClass() })
  const numbers = Array.from({ length: COUNT }, (_, index) => index)
  await Promise.all(
    numbers.map(async (number) => {
      const folder = join(dir, 'volumes', String(number))
      mkdirSync(folder)
      chmodSync(folder, 0o777)
      await api.call({ verb: 'create', resource: VOLUMES, body: volume(number, folder) })
    }),
  )
}

function storageClass(): object {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: {
      name: CLASS,
      annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
    },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  }
}

function volume(number: number, path: string): object {
  const onOurNode = {
    matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [NODE_NAME] }],
  }
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `local-${number}` },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: CLASS,
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [onOurNode] } },
    },
  }
}
