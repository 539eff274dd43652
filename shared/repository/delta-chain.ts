/**
 * Which earlier version a commit's delta is told against, so that commits cost O(change) and reading one version
 * takes few steps: skip deltas, as Subversion's FSFS has them. The i-th commit after the anchor is told against the
 * one whose index is i with its lowest set bit cleared, so a chain has as many links as i has set bits. A full
 * manifest is due when the deltas since the last one have as many lines as it would have.
 */
export interface DeltaPlan {
  /** 0: a full manifest. */
  readonly base: number
  readonly depth: number
  /** Names that changed since the base; everything when the manifest is full. */
  readonly names: ReadonlySet<string> | 'all'
}

/** Longer chains are cut by a full manifest; skip deltas stay far below it, restarts add one link each. */
const MAX_DEPTH = 24
/** Up to this many delta lines no full manifest is due, however small the volume. */
const MIN_LINES = 1024

/** Names that may be many: a list of them is made only where it is short. */
export interface Names extends Iterable<string> {
  readonly size: number
}

interface Link {
  readonly n: number
  readonly depth: number
}

export class DeltaChain {
  #anchor: Link | undefined
  /** Commits since the anchor, the first one's index being 1. */
  #commits: (Link & { readonly names: readonly string[] })[] = []
  #lines = 0

  /** Takes up an existing version as the first base; `undefined` or without one, the next manifest is full. */
  constructor(anchor?: Link) {
    this.#anchor = anchor
  }

  /** @param changed names that differ from the previous commit. @param total entries of the whole version. */
  plan(changed: Names, total: number): DeltaPlan {
    const full: DeltaPlan = { base: 0, depth: 0, names: 'all' }
    if (this.#anchor === undefined) return full
    const index = this.#commits.length + 1
    const baseIndex = index & (index - 1)
    const base = baseIndex === 0 ? this.#anchor : this.#commits[baseIndex - 1]
    if (base === undefined || base.depth + 1 > MAX_DEPTH) return full
    const mostLines = Math.max(total, MIN_LINES)
    if (this.#lines + changed.size > mostLines) return full
    const names = new Set(changed)
    for (const commit of this.#commits.slice(baseIndex))
      for (const name of commit.names) names.add(name)
    if (this.#lines + names.size > mostLines) return full
    return { base: base.n, depth: base.depth + 1, names }
  }

  /** The plan was committed as `v<n>`. */
  committed(n: number, plan: DeltaPlan, changed: Names): void {
    if (plan.names === 'all') {
      this.#anchor = { n, depth: 0 }
      this.#commits = []
      this.#lines = 0
      return
    }
    this.#commits.push({ n, depth: plan.depth, names: [...changed] })
    this.#lines += plan.names.size
  }
}
