import { UsageError } from '../../shared/errors.ts'
import { expandReferences } from './expand-references.ts'
import { podField } from './pod-field.ts'
import type { Container, Pod } from './pod-spec.ts'

/** What stands for a container image here: programs of this machine. */
export interface Image {
  /** Used by a container without `command`; its args follow. Absolute paths: the working folder is the pod's. */
  command: string[]
  env?: Readonly<Record<string, string>>
  /** It resolves absolute paths below HOLDFAST_ROOT by itself: its env and args stay as they are. */
  findsRoot?: boolean
}

export interface Mount {
  mountPath: string
  folder: string
}

/** What a container finds around it. */
export interface Surroundings {
  images: Readonly<Record<string, Image>>
  /** Programs by the name under which a command calls them (argv[0]). */
  programs: Readonly<Record<string, string[]>>
  /** Secrets of the pod's namespace, by name. */
  secrets: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** What every image brings along: at least PATH. */
  imageEnv: Readonly<Record<string, string>>
  nodeName: string
}

/** Where this pod's things lie on this machine. */
export interface Place {
  /** The container's root folder; every mountPath is found below it. */
  root: string
  mounts: Mount[]
  /** Port as the pod declares it -> port of this machine. */
  ports: ReadonlyMap<number, number>
}

export interface ProcessPlan {
  argv: string[]
  env: Record<string, string>
  cwd: string
}

/** The container's environment as the kubelet makes it: image, envFrom, then env in order, the last one wins. */
export function containerEnv(pod: Pod, container: Container, around: Surroundings) {
  const env: Record<string, string> = { ...around.imageEnv, ...imageOf(container, around).env }
  const declared: Record<string, string> = {}
  for (const { secretRef, prefix } of container.envFrom) {
    const secret = around.secrets[secretRef.name]
    if (!secret && !secretRef.optional) {
      throw new UsageError(`container ${container.name}: there is no Secret ${secretRef.name}`)
    }
    for (const [key, value] of Object.entries(secret ?? {})) declared[prefix + key] = value
  }
  for (const { name, value, valueFrom } of container.env) {
    declared[name] = valueFrom
      ? podField(pod, around.nodeName, valueFrom.fieldRef.fieldPath)
      : expandReferences(value ?? '', declared)
  }
  return { env: { ...env, ...declared }, declared }
}

/** The main process of a container; with `command`, one that a probe or hook runs in it. */
export function processPlan(
  pod: Pod,
  container: Container,
  around: Surroundings,
  place: Place,
  command?: string[],
): ProcessPlan {
  const image = imageOf(container, around)
  const { env, declared } = containerEnv(pod, container, around)
  const move = (text: string) => (image.findsRoot ? text : relocate(text, place.mounts))
  const called = (command ?? [...(container.command ?? image.command), ...container.args]).map(
    // A probe's or hook's command is run as it stands; only the container's own is expanded.
    (word) => move(command ? word : expandReferences(word, declared)),
  )
  const [program = '', ...args] = called
  const moved = Object.entries(env).map(([name, value]) => [
    name,
    movePort(name, move(value), place.ports),
  ])
  return {
    argv: [...(around.programs[program] ?? [program]), ...args],
    env: { ...Object.fromEntries(moved), HOLDFAST_ROOT: place.root },
    cwd: container.workingDir ? relocate(container.workingDir, place.mounts) : place.root,
  }
}

export function imageOf({ name, image }: Container, { images }: Surroundings): Image {
  const found = images[image]
  if (found) return found
  throw new UsageError(
    `container ${name}: no image ${image} here; there are ${Object.keys(images).join(', ')}`,
  )
}

/** A text that is a mountPath, or begins with one, points into the mounted folder instead. */
export function relocate(text: string, mounts: Mount[]): string {
  const mount = mounts.find(
    ({ mountPath }) => text === mountPath || text.startsWith(`${mountPath.replace(/\/$/, '')}/`),
  )
  return mount ? mount.folder + text.slice(mount.mountPath.length) : text
}

/** All containers share this machine's network: the variables PORT and *_PORT follow a declared port to its place. */
function movePort(name: string, value: string, ports: ReadonlyMap<number, number>): string {
  if (!/(^|_)PORT$/.test(name)) return value
  return String(ports.get(Number(value)) ?? value)
}
