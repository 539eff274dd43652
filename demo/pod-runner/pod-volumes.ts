import fs from 'node:fs'
import path from 'node:path'
import { UsageError } from '../../shared/errors.ts'
import { expandReferences } from './expand-references.ts'
import { downwardFile } from './pod-field.ts'
import type { Container, Pod, Volume } from './pod-spec.ts'
import type { Mount } from './process-plan.ts'

/** The volumes of one pod as folders: emptyDir and downwardAPI below `podFolder`, claims below `claimsFolder`. */
export class PodVolumes {
  readonly #pod: Pod
  readonly #nodeName: string
  readonly #folders = new Map<string, string>()

  constructor(pod: Pod, nodeName: string, podFolder: string, claimsFolder: string) {
    this.#pod = pod
    this.#nodeName = nodeName
    for (const volume of pod.spec.volumes) {
      const folder =
        'persistentVolumeClaim' in volume
          ? path.join(
              claimsFolder,
              `${pod.metadata.namespace}_${volume.persistentVolumeClaim.claimName}`,
            )
          : path.join(podFolder, 'volumes', volume.name)
      fs.mkdirSync(folder, { recursive: true })
      this.#folders.set(volume.name, folder)
    }
    this.writeDownwardFiles()
  }

  folder(name: string): string {
    const folder = this.#folders.get(name)
    if (folder !== undefined) return folder
    throw new UsageError(`pod ${this.#pod.metadata.name} has no volume ${name}`)
  }

  /** The container's mounts, each laid out below `root` as a symlink to its folder. */
  layOut(container: Container, root: string, env: Readonly<Record<string, string>>): Mount[] {
    const mounts = container.volumeMounts.map(({ name, mountPath, subPath, subPathExpr }) => {
      const below = subPath ?? expandReferences(subPathExpr ?? '', env)
      const folder = path.join(this.folder(name), below)
      return { mountPath: path.posix.normalize(mountPath).replace(/(?<=.)\/$/, ''), folder }
    })
    refuseNested(container, mounts)
    fs.mkdirSync(root, { recursive: true })
    for (const { mountPath, folder } of mounts) {
      fs.mkdirSync(folder, { recursive: true })
      const place = path.join(root, mountPath)
      fs.mkdirSync(path.dirname(place), { recursive: true })
      fs.symlinkSync(folder, place)
    }
    return mounts
  }

  /** All files of the downwardAPI volumes, exchanged in one step as the kubelet does: `..data` is the switch. */
  writeDownwardFiles(): void {
    for (const volume of this.#pod.spec.volumes) {
      if ('downwardAPI' in volume) this.#writeDownward(this.folder(volume.name), volume)
    }
  }

  #writeDownward(folder: string, { downwardAPI }: Extract<Volume, { downwardAPI: unknown }>): void {
    const generation = fs.mkdtempSync(path.join(folder, '..generation-'))
    for (const { path: file, fieldRef } of downwardAPI.items) {
      const text = downwardFile(this.#pod, this.#nodeName, fieldRef.fieldPath)
      fs.writeFileSync(path.join(generation, file), text)
    }
    const data = path.join(folder, '..data')
    const old = fs.existsSync(data) ? fs.realpathSync(data) : undefined
    fs.symlinkSync(path.basename(generation), `${data}_tmp`)
    fs.renameSync(`${data}_tmp`, data)
    for (const { path: file } of downwardAPI.items) {
      const link = path.join(folder, file)
      if (!fs.existsSync(link)) fs.symlinkSync(path.join('..data', file), link)
    }
    if (old !== undefined) fs.rmSync(old, { recursive: true })
  }

  /** Empties a volume; the folder itself stays, so that running processes keep their working folder. */
  wipe(name: string): void {
    const folder = this.folder(name)
    for (const entry of fs.readdirSync(folder)) {
      fs.rmSync(path.join(folder, entry), { recursive: true, force: true })
    }
  }

  wipeClaims(): void {
    for (const volume of this.#pod.spec.volumes) {
      if ('persistentVolumeClaim' in volume) this.wipe(volume.name)
    }
  }
}

/** Without mount namespaces the inner mount would be an entry of the outer volume, and be taken for its content. */
function refuseNested({ name }: Container, mounts: Mount[]): void {
  for (const outer of mounts) {
    const inner = mounts.find(({ mountPath }) => mountPath.startsWith(`${outer.mountPath}/`))
    if (!inner) continue
    throw new UsageError(
      `container ${name} mounts ${inner.mountPath} inside ${outer.mountPath}: the pod runner has no nested mounts`,
    )
  }
}
