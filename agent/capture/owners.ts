/** An agent that is not root can give no file away: said with each version, not first when it is restored. */
import type { Fault } from '../../shared/repository/entry.ts'
import type { Scan } from './scanner.ts'

/** One line per foreign owner, so that versions stay small. The roots of volumes belong to whoever mounted them. */
export function ownersNotRestorable({ entries, marked }: Scan, uid: number): Fault[] {
  if (uid === 0) return []
  const owners = new Map<number, { first: string; count: number }>()
  for (const entry of entries.values()) {
    if (entry.uid === uid || marked.has(entry.name)) continue
    const owner = owners.get(entry.uid)
    if (owner === undefined) owners.set(entry.uid, { first: entry.name, count: 1 })
    else owner.count += 1
  }
  return [...owners].map(([owner, { first, count }]) => ({
    name: first,
    kind: 'notRestorable',
    why: `${count} of user ${owner}, restorable as user ${uid} only`,
  }))
}
