/** Events (events.k8s.io/v1): needs `create` on events. */
import { createHash } from 'node:crypto'
import type { Events, EventSubject } from '../controller/events.ts'
import type { Told } from '../controller/told.ts'
import type { ClusterApi } from './cluster-api.ts'
import { ConflictError } from './cluster-error.ts'
import { EVENTS } from './resources.ts'

const REPORTER = 'holdfast.dev/webhook'
/** The API server's bounds, in characters; a name may have 253, with the hash. */
const MOST_NOTE = 1024
const MOST_INSTANCE = 128
const MOST_NAME = 230

/** @param instance which replica tells it: its pod's name. */
export function eventsOfCluster(api: ClusterApi, instance: string, now: () => Date): Events {
  return {
    async tell(subject, told) {
      const body = eventOf(subject, told, instance, now())
      const { namespace } = subject.pod
      try {
        await api.call({ verb: 'create', resource: EVENTS, namespace, body })
      } catch (error) {
        // Its name says what is told: it has been told.
        if (!(error instanceof ConflictError)) throw error
      }
    },
  }
}

function eventOf(
  { pod, owner }: EventSubject,
  { type, reason, action, note, once }: Told,
  instance: string,
  now: Date,
): object {
  const { namespace, name, uid } = pod
  const hash = createHash('sha256')
    .update(JSON.stringify([uid, reason, once]))
    .digest('hex')
  const regarding = owner ?? { apiVersion: 'v1', kind: 'Pod', name, uid }
  return {
    apiVersion: `${EVENTS.group}/${EVENTS.version}`,
    kind: 'Event',
    metadata: { namespace, name: `${name.slice(0, MOST_NAME)}.${hash.slice(0, 16)}` },
    eventTime: now.toISOString().replace('Z', '000Z'),
    reportingController: REPORTER,
    reportingInstance: instance.slice(0, MOST_INSTANCE),
    action,
    reason,
    type,
    regarding: { ...regarding, namespace },
    note: note.slice(0, MOST_NOTE),
  }
}
