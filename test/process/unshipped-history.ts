/** The past of a stream and of a volume that was not shipped in full, for starts that may crash. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createPod, temporaryFolder, type AgentPod, type PodOptions } from '../support/agent-pod.ts'
import { isShipped, viewRepository, type RepositoryView } from '../support/repository-view.ts'

export interface History {
  readonly url: string
  readonly view: RepositoryView
  readonly volume: string
}

let template: string | undefined

/** Two versions, v2 and v3, and a volume that holds what no version has: its agent was killed. Made once, then copied. */
export async function history(): Promise<History> {
  const folder = temporaryFolder()
  if (template === undefined) {
    template = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-process-'))
    await makeHistory(template)
  }
  fs.cpSync(template, folder, { recursive: true, preserveTimestamps: true })
  const url = `file://${folder}/store`
  return { url, view: await viewRepository(url), volume: path.join(folder, 'volume') }
}

async function makeHistory(folder: string): Promise<void> {
  const volume = path.join(folder, 'volume')
  fs.mkdirSync(volume)
  const url = `file://${folder}/store`
  const pod = await createPod({ store: url, volume, name: 'shop-before' })
  pod.write('kept', 'as it was')
  pod.write('orders/1', 'first')
  pod.write('orders/2', 'second')
  const view = await viewRepository(url)
  const agent = pod.start()
  await isShipped(agent, pod, view)
  pod.write('orders/1', 'first, corrected')
  pod.write('receipt', 'third')
  fs.rmSync(path.join(pod.data, 'orders/2'))
  await isShipped(agent, pod, view)
  await agent.kill()
  pod.write('unshipped', 'no version has this')
  pod.write('kept', 'changed at the last moment')
}

/** The versions by what they hold, whatever their numbers. */
export async function firstVersion(view: RepositoryView): Promise<number> {
  return (await view.versions())[0]?.n ?? 0
}

export async function podOn(
  { url }: History,
  options: Partial<PodOptions> = {},
): Promise<AgentPod> {
  return createPod({ store: url, ...options })
}

/** Removes what histories are copied from. */
export function forgetHistory(): void {
  if (template !== undefined) fs.rmSync(template, { recursive: true, force: true })
  template = undefined
}
