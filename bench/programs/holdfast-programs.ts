/** Holdfast as its images hold it: bundled. */
import { bundleProgram } from '../../manifests/image/bundle.ts'

/** Each the file that Node is started with. */
export interface HoldfastPrograms {
  readonly agent: string
  readonly cli: string
  readonly webhook: string
}

export async function bundleHoldfast(folder: string): Promise<HoldfastPrograms> {
  return {
    agent: (await bundleProgram('agent', folder)).main,
    cli: (await bundleProgram('cli', folder)).main,
    webhook: (await bundleProgram('webhook', folder)).main,
  }
}
