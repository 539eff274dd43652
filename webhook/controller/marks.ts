/** Pure: the annotations that answer on a live pod. Each repeats what was asked. */
import type { Report } from '../../shared/service-contract.ts'
import { KEY } from '../../shared/sidecar-contract.ts'

type Restored = NonNullable<Report['restored']>
type Backup = Report['backups'][number]

/** Those that the report knows something of; others stand as they are. */
export function marksOf(report: Report): Record<string, string> {
  const { slot, lastVersion, restored } = report
  const backup = report.backups.at(-1)
  return {
    ...(slot !== null && { [KEY.slot]: slot }),
    ...(lastVersion > 0 && { [KEY.lastVersion]: `v${lastVersion}` }),
    ...(restored !== null && { [KEY.restored]: restoredMark(restored) }),
    ...(backup !== undefined && { [KEY.lastBackup]: backupMark(backup) }),
  }
}

/** `v42=v42`, `before-sale/2=v40`; `fresh=nothing`. */
export function restoredMark({ request, version }: Restored): string {
  return `${request}=${version === 0 ? 'nothing' : `v${version}`}`
}

/** `before-upgrade=v43`; `before-upgrade=failed`: why is told in an Event. */
export function backupMark({ request, version }: Backup): string {
  return `${request}=${version === null ? 'failed' : `v${version}`}`
}
