/**
 * The parts of a pod that injection reads. Everything else is carried through untouched: the objects are the API
 * server's own, never rebuilt from these types.
 */
import * as v from 'valibot'
import { Refusal } from './refusal.ts'

const OptionalText = v.nullish(v.string())
const Quantities = v.nullish(v.record(v.string(), v.union([v.string(), v.number()])))
const ResourcesSchema = v.looseObject({ requests: Quantities, limits: Quantities })
const TextMap = v.nullish(v.record(v.string(), v.string()))

const EnvSchema = v.looseObject({
  name: v.string(),
  value: OptionalText,
  valueFrom: v.nullish(v.looseObject({})),
})

const MountSchema = v.looseObject({
  name: v.string(),
  mountPath: v.string(),
  subPath: OptionalText,
  subPathExpr: OptionalText,
  readOnly: v.nullish(v.boolean()),
  mountPropagation: OptionalText,
})

const SecuritySchema = v.looseObject({
  runAsUser: v.nullish(v.number()),
  runAsGroup: v.nullish(v.number()),
  seLinuxOptions: v.nullish(v.looseObject({})),
})

const ContainerSchema = v.looseObject({
  name: v.string(),
  image: OptionalText,
  restartPolicy: OptionalText,
  env: v.nullish(v.array(EnvSchema)),
  envFrom: v.nullish(v.array(v.looseObject({}))),
  volumeMounts: v.nullish(v.array(MountSchema)),
  volumeDevices: v.nullish(v.array(v.looseObject({ name: v.string(), devicePath: v.string() }))),
  resources: v.nullish(ResourcesSchema),
  securityContext: v.nullish(SecuritySchema),
})

const OwnerSchema = v.looseObject({
  kind: v.string(),
  name: v.string(),
  uid: OptionalText,
  controller: v.nullish(v.boolean()),
})

const AffinitySchema = v.looseObject({
  nodeAffinity: v.nullish(
    v.looseObject({
      requiredDuringSchedulingIgnoredDuringExecution: v.nullish(
        v.looseObject({
          nodeSelectorTerms: v.nullish(
            v.array(
              v.looseObject({
                matchFields: v.nullish(
                  v.array(
                    v.looseObject({ key: v.string(), values: v.nullish(v.array(v.string())) }),
                  ),
                ),
              }),
            ),
          ),
        }),
      ),
    }),
  ),
})

const VolumeSchema = v.looseObject({
  name: v.string(),
  emptyDir: v.nullish(
    v.looseObject({
      medium: OptionalText,
      sizeLimit: v.nullish(v.union([v.string(), v.number()])),
    }),
  ),
  persistentVolumeClaim: v.nullish(
    v.looseObject({ claimName: OptionalText, readOnly: v.nullish(v.boolean()) }),
  ),
  csi: v.nullish(v.looseObject({ driver: OptionalText, readOnly: v.nullish(v.boolean()) })),
})

const PodSchema = v.looseObject({
  metadata: v.looseObject({
    name: OptionalText,
    generateName: OptionalText,
    labels: TextMap,
    annotations: TextMap,
    ownerReferences: v.nullish(v.array(OwnerSchema)),
  }),
  spec: v.looseObject({
    containers: v.pipe(v.array(ContainerSchema), v.minLength(1)),
    initContainers: v.nullish(v.array(ContainerSchema)),
    volumes: v.nullish(v.array(VolumeSchema)),
    securityContext: v.nullish(SecuritySchema),
    resources: v.nullish(ResourcesSchema),
    terminationGracePeriodSeconds: v.nullish(v.number()),
    nodeName: OptionalText,
    affinity: v.nullish(AffinitySchema),
    os: v.nullish(v.looseObject({ name: OptionalText })),
  }),
})

export type Pod = v.InferOutput<typeof PodSchema>
export type Container = v.InferOutput<typeof ContainerSchema>
export type EnvVar = v.InferOutput<typeof EnvSchema>
export type VolumeMount = v.InferOutput<typeof MountSchema>
export type Volume = v.InferOutput<typeof VolumeSchema>
export type Resources = v.InferOutput<typeof ResourcesSchema>

/** A copy of `object` to work on, all fields kept. Throws a `Refusal` where it is no pod. */
export function copyPod(object: unknown): Pod {
  const result = v.safeParse(PodSchema, object)
  if (result.success) return structuredClone(object) as Pod
  const issue = result.issues[0]
  throw new Refusal(
    `the object is no Pod: ${v.getDotPath(issue) ?? 'it'} is ${issue.received}, expected ${issue.expected ?? 'one at least'}`,
  )
}

/** The containers that are the app: not the init containers. */
export function appContainers(pod: Pod): Container[] {
  return pod.spec.containers
}

export function initContainers(pod: Pod): Container[] {
  return pod.spec.initContainers ?? []
}

/** An init container that runs beside the app. */
export function isNativeSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always'
}

export function annotationOf(pod: Pod, key: string): string | undefined {
  return pod.metadata.annotations?.[key]
}

export function labelOf(pod: Pod, key: string): string | undefined {
  return pod.metadata.labels?.[key]
}
