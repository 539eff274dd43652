/** What the controller says in one word. `docs/reference.md` tells people what each means, and what to do. */

/** Of the condition: a step of a start or an end, or all is well. */
export const STEPS = ['Starting', 'WaitingForHandOver', 'Restoring', 'Protected', 'Ended'] as const
/** Of the condition: something keeps the pod from being protected. An Event tells that it begins. */
export const TROUBLES = [
  'AppFrozen',
  'AccessDenied',
  'StoreUnreachable',
  'NotShipping',
  'Superseded',
  'Unfenced',
  'Holding',
  'Partial',
  'Lagging',
] as const
/** Of Events alone. */
export const OCCURRENCES = [
  'Noted',
  'Restored',
  'BackupMade',
  'BackupFailed',
  'GoneUnshipped',
  'NotInjected',
  'RestoreIgnored',
  'ImagePinned',
] as const

export type Trouble = (typeof TROUBLES)[number]
export type ConditionReason = (typeof STEPS)[number] | Trouble
export type EventReason = Trouble | 'Protected' | (typeof OCCURRENCES)[number]
