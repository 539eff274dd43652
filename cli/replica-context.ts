/** The agent's session, composed for a command: no pod, no volume, no mark. */
import { hostname } from 'node:os'
import { AppState } from '../agent/session/app-state.ts'
import type { Context } from '../agent/session/context.ts'
import { newWriter } from '../agent/session/identity.ts'
import { LogWriter } from '../agent/session/log-writer.ts'
import { Status } from '../agent/session/status.ts'
import { AttributeTools } from '../agent/volume/attribute-tools.ts'
import { layoutOfDirectories } from '../agent/volume/layout.ts'
import { DEFAULT_KEEP } from '../shared/retention/keep-policy.ts'
import type { ReplicateOptions } from './replicate-options.ts'
import type { OpenRepository } from './repository.ts'
import { logOf } from './repository.ts'
import type { Surroundings } from './surroundings.ts'

export function replicaContext(
  { path, exclude, image, keep, stream }: ReplicateOptions,
  repository: OpenRepository,
  surroundings: Surroundings,
): Context {
  const host = hostname()
  const pod = { name: `cli@${host}`, uid: `cli@${host}`, node: host }
  const { store, patience } = repository
  const log = logOf(repository, stream, surroundings)
  return {
    store,
    writer: new LogWriter(log, newWriter(pod, 0), patience),
    state: new AppState(layoutOfDirectories(path, exclude), patience.clock, new AttributeTools()),
    facts: {
      roots: path.map((declared) => ({ path: declared, as: 'auto' })),
      images: image,
      templateHash: null,
      keep: { ...DEFAULT_KEEP, ...keep },
    },
    patience,
    status: new Status(),
    step: () => undefined,
    request: undefined,
    whenEmpty: 'resume',
    exclusive: true,
    claimedAt: null,
    podState: () => Promise.resolve(undefined),
    letGoIn: () => undefined,
    stopping: surroundings.signals.stopped,
  }
}
