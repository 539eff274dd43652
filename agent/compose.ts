/** What the verbs work with, made of the configuration: the store, the app's state, and a context for the slot that is taken. */
import { systemClock } from '../shared/clock.ts'
import { openKeyring } from '../shared/encryption/keyring.ts'
import { StreamVaults } from '../shared/encryption/stream-vaults.ts'
import type { ObjectStore } from '../shared/object-store/object-store.ts'
import { openStore } from '../shared/object-store/open-store.ts'
import type { Patience } from '../shared/patience.ts'
import { parsePin, requestText } from '../shared/pin.ts'
import type { RecordedImage } from '../shared/repository/log-record.ts'
import { VersionLog } from '../shared/repository/version-log.ts'
import type { Assignment } from '../shared/sidecar-contract.ts'
import { formatStreamName } from '../shared/stream-name.ts'
import type { AgentConfig } from './config.ts'
import { ServiceError, type Service } from './service/service.ts'
import { AppState } from './session/app-state.ts'
import type { AppFacts } from './session/committer.ts'
import type { Context, PodStateOf, StepName } from './session/context.ts'
import { newWriter } from './session/identity.ts'
import { LogWriter } from './session/log-writer.ts'
import type { LetGoNote } from './session/let-go-note.ts'
import { tellSilence } from './session/silent-store.ts'
import { searchSlots, type Claim, type NextClaim } from './session/slots.ts'
import type { Status } from './session/status.ts'
import { AttributeTools } from './volume/attribute-tools.ts'
import { layoutOfAssignment } from './volume/layout.ts'

export interface Surroundings {
  readonly status: Status
  readonly service: Service | null
  /** As they are known by now: each version records them. */
  readonly images: { now: readonly RecordedImage[] }
  readonly letGoNote: LetGoNote
  /** The app in this pod is, or is about to be, told to stop. */
  readonly stopping: AbortSignal
  /** Nothing is there to be shipped: a store that does not answer is not waited for. */
  readonly givingUp: AbortSignal
  readonly step: (name: StepName) => void
}

export interface Composed {
  readonly nextClaim: NextClaim
  /** From here on the status says which stream it is. */
  contextIn(claim: Claim): Context
}

/** Throws a `HoldfastError` where the store cannot be opened, or the pin does not read. */
export async function compose(config: AgentConfig, surroundings: Surroundings): Promise<Composed> {
  const { assignment, pod } = config
  const { status, stopping } = surroundings
  const store = await openStore(assignment.store)
  const layout = layoutOfAssignment(assignment, config.rootDir)
  const state = new AppState(layout, systemClock, new AttributeTools())
  const patience: Patience = {
    clock: systemClock,
    signal: surroundings.givingUp,
    onRetry: (error) => tellSilence(status, state, error),
  }
  const podState = podStateOf(surroundings)
  const common = {
    store,
    state,
    facts: factsOf(assignment, surroundings.images),
    patience,
    status,
    step: surroundings.step,
    request: requestOf(assignment),
    whenEmpty: assignment.whenEmpty,
    exclusive: assignment.exclusive,
    podState,
    letGoIn: () => surroundings.letGoNote.read(),
    stopping,
  }
  const identity = newWriter(pod, assignment.graceSeconds)
  const { slot: given, namespace, app } = assignment
  const nextClaim =
    given === null
      ? searchSlots({
          ...common,
          app: { namespace, app },
          podUid: pod.uid,
        })
      : () => Promise.resolve({ slot: given, at: null })
  return {
    nextClaim,
    contextIn({ slot, at }) {
      const log = openLog(config, store, slot, patience)
      status.set({ slot, stream: formatStreamName(log.stream) })
      return { ...common, writer: new LogWriter(log, identity, patience), claimedAt: at }
    },
  }
}

function openLog(
  { assignment, key }: AgentConfig,
  store: ObjectStore,
  slot: string,
  patience: Patience,
): VersionLog {
  const { namespace, app } = assignment
  const stream = { namespace, app, slot }
  const vaults = new StreamVaults(stream, () => openKeyring(store, namespace, key))
  return new VersionLog(store, stream, patience, vaults)
}

function factsOf(assignment: Assignment, images: Surroundings['images']): AppFacts {
  const { templateHash, keep, paths } = assignment
  return {
    roots: paths.map(({ path, as }) => ({ path, as })),
    get images() {
      return images.now
    },
    templateHash,
    ...(keep !== undefined && { keep }),
  }
}

function requestOf({ pin, restoreRequest }: Assignment): Context['request'] {
  if (pin === null) return undefined
  return { text: requestText(pin, restoreRequest), pin: parsePin(pin) }
}

/** A service that does not answer knows nothing: the caller goes by its own clock. */
function podStateOf({ service, stopping }: Surroundings): PodStateOf {
  return async (pod) => {
    try {
      return await service?.podState(pod, stopping)
    } catch (error) {
      if (error instanceof ServiceError) return undefined
      throw error
    }
  }
}
