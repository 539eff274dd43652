import { admit, type AdmissionDependencies } from './admit-pod.ts'
import { checkWorkload, type CheckDependencies } from './check-workload.ts'
import type { Admission } from './review.ts'
import { stampWorkload, type StampDependencies } from './stamp-workload.ts'

/** What is posted to which path, as our webhook configurations say it. */
export function admissions(
  dependencies: AdmissionDependencies & CheckDependencies & StampDependencies,
): Record<`/${string}`, Admission> {
  return {
    '/mutate': (body) => admit(body, dependencies),
    '/stamp': (body) => stampWorkload(body, dependencies),
    '/check': (body) => checkWorkload(body, dependencies),
  }
}
