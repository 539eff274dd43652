import { Bounded } from './bounded.ts'
import type { Events } from './events.ts'

const MOST = 20_000

/** An agent repeats what it has noted with each report, and the cluster forgets its Events within the hour: told here is told. */
export function toldOnce(events: Events): Events {
  const known = new Bounded<string, true>(MOST)
  return {
    async tell(subject, told) {
      const key = JSON.stringify([subject.pod.uid, told.reason, told.once])
      if (known.get(key) === true) return
      await events.tell(subject, told)
      known.set(key, true)
    },
  }
}
