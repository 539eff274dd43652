/**
 * An agent that comes to a running app (a restarted sidecar, a start without S3, a command outside of any pod) never
 * changes a byte. It takes the main line only if the head came from its volume, else it opens a branch.
 */
import type { Vault } from '../../shared/encryption/vault.ts'
import { HeldVersion } from '../capture/held-version.ts'
import { currentLineage } from '../../shared/repository/log-state.ts'
import { DeltaChain } from '../../shared/repository/delta-chain.ts'
import { EMPTY_MANIFEST } from '../../shared/repository/manifest.ts'
import { logProves } from './app-has-run.ts'
import { Committer } from './committer.ts'
import type { Context } from './context.ts'
import type { LineageState } from './lineage.ts'
import { continues, isAhead } from './lineage.ts'
import type { LogView } from './log-writer.ts'
import { openDraft, probeFence } from './open.ts'
import { mainCommitter, markOf, writingVault } from './preparation.ts'
import type { VersionState } from './version-state.ts'
import { loadContinued } from './version-state.ts'

/**
 * @param claim `volume`: the main line is taken if the marks show that the head came from this volume.
 *   `directory`: the directory is the user's word for what the state is, as outside of pods.
 * @param known a version that was read before, in case that it is the head.
 */
export async function join(
  context: Context,
  claim: 'volume' | 'directory',
  known?: VersionState,
): Promise<Committer> {
  const { writer, status } = context
  const vault = await writingVault(context)
  for (;;) {
    const view = await writer.look()
    const line = await lineToJoin(context, view, claim)
    const draft =
      line === undefined
        ? branchDraft(context, view)
        : openDraft(context, { kind: 'resume', line }, view)
    const opened = await writer.tryAppend(draft)
    if (opened.outcome !== 'created') continue
    await context.step('opened')
    await probeFence(context, opened.n, opened.body)
    if (line !== undefined) return joinMain(context, line, opened.n, vault, known)
    status.set({ line: 'superseded' })
    return branchCommitter(context, opened.n, draft.lineage, vault)
  }
}

/** Undefined: the head is not this volume's, or not known to be. */
async function lineToJoin(
  context: Context,
  view: LogView,
  claim: 'volume' | 'directory',
): Promise<LineageState | undefined> {
  const { head, settled, owner } = view.state
  const line = { lineage: currentLineage(view.state), head, settled }
  if (claim === 'directory' || owner === null) return line
  const { log, identity } = context.writer
  const { uid, boot } = identity.pod
  const wroteLast = owner.pod.uid === uid && owner.pod.boot === boot
  for (const { mark } of context.state.marks())
    if (mark === undefined) {
      // The app has wiped it; this very pod having opened is no proof that the volume was brought to the head.
      if (!wroteLast || !(await logProves(context, view))) return undefined
    } else {
      if (!(await isAhead(log, line, mark))) return undefined
      if (!wroteLast && !(await continues(log, mark, owner.writer))) return undefined
    }
  return line
}

async function joinMain(
  context: Context,
  line: LineageState,
  open: number,
  vault: Vault,
  known: VersionState | undefined,
): Promise<Committer> {
  const { state, store, writer, patience, request } = context
  const version = line.head?.version ?? 0
  const from = { store, log: writer.log, patience }
  const isKnown = known?.version === version
  if (!isKnown) void state.tools?.takeBegun() // of what may have changed before that version was made
  const target = isKnown ? known : await loadContinued(from, version, state.layout.roots)
  const marked = state.marks().filter(({ mark }) => mark !== undefined)
  const own = { lineage: line.lineage, request: request?.text ?? null }
  const mine = markOf(context, open, own, { dirty: false, settled: true })
  state.writeMarks(
    mine,
    marked.map(({ volume }) => volume),
  )
  return mainCommitter(context, open, own, target, vault)
}

function branchDraft(context: Context, view: LogView) {
  const current = {
    lineage: currentLineage(view.state),
    head: view.state.head,
    settled: view.state.settled,
  }
  const draft = openDraft(context, { kind: 'resume', line: current }, view)
  const lineage = `${current.lineage}/${context.writer.identity.writer}`
  return { ...draft, branch: true, lineage, parent: 0, continues: null }
}

/** A volume without a mark gets the branch's: it is not the main line's, and the app has run on it. */
function branchCommitter(context: Context, open: number, lineage: string, vault: Vault): Committer {
  const { store, writer, facts, patience, state, request } = context
  const line = { lineage, request: request?.text ?? null }
  return new Committer(store, writer, facts, patience, {
    standing: { open, main: false, lineage, parent: 0 },
    held: new HeldVersion(EMPTY_MANIFEST),
    chain: new DeltaChain(),
    vault,
    onCommitting: () => {
      state.ensureMarks(markOf(context, open, line, { dirty: false, settled: true }))
    },
  })
}
