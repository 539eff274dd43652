export type Kind = 'cpu' | 'memory'
export const KINDS: readonly Kind[] = ['cpu', 'memory']

export interface SidecarResources {
  readonly requests: Readonly<Record<Kind, string>>
  readonly limits: Readonly<Record<Kind, string>>
}
