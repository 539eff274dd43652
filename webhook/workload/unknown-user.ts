/** The user that a template does not say, as the kubelet tells it of a pod that runs. */
import { KEY } from '../../shared/sidecar-contract.ts'
import { Refusal } from '../inject/refusal.ts'
import type { UnknownUserRefusal } from '../inject/run-as.ts'
import type { RunningPod } from './running-pods.ts'

/** The refusal with the value to write; as it was where no pod tells it. */
export function nameUser(refusal: UnknownUserRefusal, pods: readonly RunningPod[]): Refusal {
  const { container } = refusal
  const pod = pods.find(({ users }) => users.has(container))
  const user = pod?.users.get(container)
  if (pod === undefined || user === undefined) return refusal
  const who = `${user.uid}:${user.gid}`
  if (user.uid === 0)
    return new Refusal(
      `the template does not say the user of container "${container}", which pod ${pod.name} began as root (${who}); add ${KEY.runAs} with the owner of its files ("kubectl exec ${pod.name} -c ${container} -- stat -c %u:%g PATH"); a sidecar as root, "${who}", needs an administrator's leave`,
    )
  return new Refusal(
    `the template does not say the user of container "${container}": ${container} runs as ${who} in pod ${pod.name}; add ${KEY.runAs}: "${who}" to the annotations of the pod template`,
  )
}

/** The warning where the cluster gives users to pods that say none. */
export function userIsAssigned({ container }: UnknownUserRefusal): string {
  return `the template says no user for container "${container}": OpenShift gives its pods one, unless their constraint leaves it open (anyuid): add ${KEY.runAs}: "uid:gid" then, or pods are refused`
}
