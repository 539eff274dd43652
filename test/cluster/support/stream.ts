/** An app's stream as it lies in the store, read beside the cluster. */
import { inject } from 'vitest'
import { systemClock } from '../../../shared/clock.ts'
import { openStore } from '../../../shared/object-store/open-store.ts'
import type { LogRecord, VersionRecord } from '../../../shared/repository/log-record.ts'
import { VersionLog } from '../../../shared/repository/version-log.ts'
import { awsEnvironment } from '../../support/ceph.ts'
import { until } from './objects.ts'
import type { Named } from './workloads.ts'

/** Newest first. */
export async function recordsOf({ namespace, name }: Named, slot = '0'): Promise<LogRecord[]> {
  const { s3 } = inject('cluster')
  Object.assign(process.env, awsEnvironment(s3))
  const store = await openStore(`s3://${s3.bucket}/cluster`)
  const patience = { clock: systemClock, giveUpAfterMs: 5000 }
  const log = new VersionLog(store, { namespace, app: name, slot }, patience)
  const numbers = await log.numbers()
  const found = await Promise.all(numbers.map(({ n }) => log.record(n)))
  return found.flatMap((logged) => logged?.record ?? []).toSorted((a, b) => b.n - a.n)
}

export async function versionsOf(of: Named, slot?: string): Promise<VersionRecord[]> {
  return (await recordsOf(of, slot)).filter((record) => record.kind === 'version')
}

/** Resolves with its number when the version that was asked for by `holdfast.dev/backup` is durable. */
export async function taggedVersion(of: Named, tag: string, slot?: string): Promise<number> {
  return until(`a version "${tag}" of ${of.name}`, async () => {
    return (await versionsOf(of, slot)).find((version) => version.tag === tag)?.n
  })
}
