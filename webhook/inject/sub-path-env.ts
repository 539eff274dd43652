/** `subPathExpr` is expanded from the environment of the container that mounts: the sidecar needs the same variables. */
import { ENV } from '../../shared/sidecar-contract.ts'
import type { Container, EnvVar } from './pod.ts'
import { Refusal } from './refusal.ts'
import type { PathMounts } from './volumes.ts'

/** `$(NAME)`; `$$(NAME)` is the text itself. */
const REFERENCE = /\$\$|\$\(([^)]+)\)/g

/** The variables that the paths' mounts name, in an order in which each one comes after those it uses. */
export function subPathEnv(paths: readonly PathMounts[]): EnvVar[] {
  const env = new Map<string, EnvVar>()
  for (const { container, mounts } of paths)
    for (const { mount } of mounts)
      for (const name of referencesIn(mount.subPathExpr)) collect(container, name, env, [])
  return [...env.values()]
}

function collect(
  container: Container,
  name: string,
  env: Map<string, EnvVar>,
  users: readonly string[],
): void {
  const found = (container.env ?? []).findLast((one) => one.name === name)
  if (found === undefined || Object.values<string>(ENV).includes(name))
    throw new Refusal(
      `a subPathExpr of container "${container.name}" uses $(${name}), which its env does not name; say it there as an entry of its own, not by envFrom`,
    )
  // The kubelet leaves a variable that uses itself as it stands.
  if (users.includes(name)) return
  for (const used of referencesIn(found.value))
    if ((container.env ?? []).some((one) => one.name === used))
      collect(container, used, env, [...users, name])
  const copy = ofContainer(found, container.name)
  const other = env.get(name)
  if (other !== undefined && JSON.stringify(other) !== JSON.stringify(copy))
    throw new Refusal(
      `$(${name}) of a subPathExpr has one value in container "${container.name}" and another elsewhere in the pod; name the two variables differently`,
    )
  env.set(name, copy)
}

/** A resource field without a container's name means the container itself. */
function ofContainer(variable: EnvVar, container: string): EnvVar {
  const copy = structuredClone(variable)
  const field = copy.valueFrom?.resourceFieldRef as { containerName?: string } | undefined
  if (field !== undefined && field !== null) field.containerName ??= container
  return copy
}

function referencesIn(text: string | null | undefined): string[] {
  return [...(text ?? '').matchAll(REFERENCE)].flatMap((match) => match[1] ?? [])
}
