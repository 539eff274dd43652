/** The sidecar's container and the volume that tells it of its pod. Defaults are spelled out, so that the API server's defaulting changes nothing. */
import { SERVICE_AUDIENCE } from '../../shared/service-contract.ts'
import {
  AGENT_COMMAND,
  ANNOTATIONS_FILE,
  ENV,
  POD_INFO_DIR,
  POD_INFO_VOLUME,
  SIDECAR_NAME,
  TOKEN_FILE,
  formatAssignment,
  type Assignment,
} from '../../shared/sidecar-contract.ts'
import type { EarlierInjection } from './strip-injection.ts'
import type { ServiceSettings } from './injection-context.ts'
import type { Container, EnvVar, Volume, VolumeMount } from './pod.ts'
import type { SidecarResources } from './resource-kinds.ts'
import type { RunAs } from './run-as.ts'

export interface SidecarParts {
  readonly assignment: Assignment
  readonly runAs: RunAs
  readonly resources: SidecarResources
  readonly mounts: readonly VolumeMount[]
  /** What the mounts' subPathExpr names. */
  readonly env: readonly EnvVar[]
}

/** One probe blocks for as long as the exec may take, then the next begins: no polling, and it never gives up. */
const PROBE = { timeoutSeconds: 60, periodSeconds: 1, failureThreshold: 2_147_483_647 }
/** For mixed owners: give files away, and read and write what belongs to others. */
const ROOT_CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER']
/** Of a container that others have changed: these would do the app harm, or mean nothing in ours. */
const NEVER_KEPT = ['livenessProbe', 'readinessProbe', 'volumeDevices', 'workingDir', 'ports']

export function sidecarContainer(parts: SidecarParts, service: ServiceSettings): Container {
  return {
    name: SIDECAR_NAME,
    image: service.image,
    imagePullPolicy: 'IfNotPresent',
    restartPolicy: 'Always',
    command: [AGENT_COMMAND],
    args: ['replicate'],
    env: environment(parts, service),
    envFrom: [{ secretRef: { name: service.credentialsSecret, optional: true } }],
    startupProbe: { exec: { command: [AGENT_COMMAND, 'wait'] }, ...PROBE, successThreshold: 1 },
    lifecycle: { preStop: { exec: { command: [AGENT_COMMAND, 'drain'] } } },
    resources: { requests: { ...parts.resources.requests }, limits: { ...parts.resources.limits } },
    securityContext: securityContext(parts.runAs),
    volumeMounts: [
      ...parts.mounts,
      { name: POD_INFO_VOLUME, mountPath: POD_INFO_DIR, readOnly: true },
    ],
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'FallbackToLogsOnError',
  }
}

/** 0644: the sidecar's user is the app's, whichever that is. */
const POD_INFO_MODE = 420
/** The kubelet renews the token at four fifths of this. */
const TOKEN_SECONDS = 3600

/** The pod's annotations; and where there is a service to talk to, the token that says which pod talks. */
export function podInfoVolume({ service }: Pick<Assignment, 'service'>): Volume {
  const annotations = { apiVersion: 'v1', fieldPath: 'metadata.annotations' }
  const items = [{ path: ANNOTATIONS_FILE, fieldRef: annotations }]
  const name = POD_INFO_VOLUME
  if (service === null) return { name, downwardAPI: { items, defaultMode: POD_INFO_MODE } }
  const token = { audience: SERVICE_AUDIENCE, expirationSeconds: TOKEN_SECONDS, path: TOKEN_FILE }
  const sources = [{ downwardAPI: { items } }, { serviceAccountToken: token }]
  return { name, projected: { sources, defaultMode: POD_INFO_MODE } }
}

/**
 * What other webhooks added to our container stays (web identity: environment and a token's mount); everything that
 * we say ourselves, and all that an earlier injection of ours said, is replaced.
 */
export function keepForeignParts(sidecar: Container, earlier: EarlierInjection): Container {
  const old = earlier.sidecar
  const rest = Object.entries(old).filter(([key]) => !(key in sidecar) && !NEVER_KEPT.includes(key))
  const ours = new Set((sidecar.env ?? []).map((variable) => variable.name))
  const ourEnv = new Set<string>([...ours, ...Object.values(ENV)])
  const env = (old.env ?? []).filter((variable) => !ourEnv.has(variable.name))
  return {
    ...sidecar,
    ...Object.fromEntries(rest),
    // The admission plugin AlwaysPullImages sets it, and refuses any other value.
    imagePullPolicy: old.imagePullPolicy ?? sidecar.imagePullPolicy,
    env: [...(sidecar.env ?? []), ...env],
    volumeMounts: [...(sidecar.volumeMounts ?? []), ...foreignMounts(sidecar, earlier)],
  }
}

function foreignMounts(sidecar: Container, earlier: EarlierInjection): VolumeMount[] {
  if (earlier.assignment === null) return []
  const ours = [...(sidecar.volumeMounts ?? []).map((mount) => mount.mountPath), POD_INFO_DIR]
  const taken = new Set([...ours, ...earlier.assignment.volumes.map((volume) => volume.at)])
  return (earlier.sidecar.volumeMounts ?? []).filter((mount) => !taken.has(mount.mountPath))
}

function environment(parts: SidecarParts, service: ServiceSettings): EnvVar[] {
  const said = [
    { name: ENV.assignment, value: formatAssignment(parts.assignment) },
    fieldVariable(ENV.podName, 'metadata.name'),
    fieldVariable(ENV.podUid, 'metadata.uid'),
    fieldVariable(ENV.nodeName, 'spec.nodeName'),
    ...service.storeEnvironment,
  ]
  const names = new Set(said.map((variable) => variable.name))
  return [...said, ...parts.env.filter((variable) => !names.has(variable.name))]
}

function fieldVariable(name: string, fieldPath: string): EnvVar {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } }
}

/** Fits Pod Security `restricted`; as root, `baseline`. */
function securityContext(runAs: RunAs) {
  const isRoot = runAs.user === 0
  return {
    runAsUser: runAs.user,
    ...(runAs.group !== undefined && { runAsGroup: runAs.group }),
    runAsNonRoot: !isRoot,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'], ...(isRoot && { add: [...ROOT_CAPABILITIES] }) },
    seccompProfile: { type: 'RuntimeDefault' },
    ...(runAs.seLinuxOptions !== undefined && {
      seLinuxOptions: { ...runAs.seLinuxOptions },
    }),
  }
}
