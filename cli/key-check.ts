/** `holdfast key check`: whether the key at hand is right, and what it is needed for. */
import { createKeyring, noDataKey } from '../shared/encryption/keyring.ts'
import { tryWrap, unwrapNewest } from '../shared/encryption/wrap-chain.ts'
import { EXIT } from './exit-codes.ts'
import type { KeyNamespace, KeyOptions } from './key-namespace.ts'
import { openKeyNamespace, requireKey } from './key-namespace.ts'
import type { SealedStream } from './sealed-streams.ts'
import { sealedStreams } from './sealed-streams.ts'
import type { Surroundings } from './surroundings.ts'
import { formatTable } from './text/table.ts'
import { formatTime } from './text/times.ts'

/** What a wrap is to the key at hand. */
type Opens = 'this key' | 'another key' | 'damaged'

export async function keyCheck(options: KeyOptions, surroundings: Surroundings): Promise<number> {
  const { terminal } = surroundings
  const from = await openKeyNamespace(options, surroundings)
  const { namespace, wraps } = from
  if (wraps.length === 0) throw noDataKey(from.store, namespace)
  const key = requireKey(from)
  const dataKey = unwrapNewest(namespace, wraps, key)
  const streams = await sealedStreams(from, namespace, createKeyring(namespace, dataKey))
  const rows = wrapRows(from, key.bytes)
  if (options.output === 'json')
    terminal.printJson({ namespace, key: dataKey.id, wraps: rows, streams })
  else {
    terminal.print(
      `namespace ${namespace}: the key in ${key.from} is right; it opens ${dataKey.id}`,
    )
    terminal.print(wrapTable(rows))
    if (streams.length > 0) terminal.print(streamTable(streams))
  }
  return codeOf(rows, streams)
}

interface WrapRow {
  readonly wrap: number
  /** The server's time. */
  readonly time: Date
  readonly opensWith: Opens
  readonly problem: string | null
}

function wrapRows({ wraps }: KeyNamespace, key: Buffer): WrapRow[] {
  return wraps.map((found) => {
    const { dataKey, damage } = tryWrap(found, key)
    const undamaged = dataKey === undefined ? 'another key' : 'this key'
    return {
      wrap: found.n,
      time: found.modifiedAt,
      opensWith: damage === undefined ? undamaged : 'damaged',
      problem: damage?.message ?? null,
    }
  })
}

function wrapTable(rows: readonly WrapRow[]): string {
  return formatTable(
    ['WRAP', 'TIME', 'OPENS WITH'],
    rows.map(({ wrap, time, opensWith, problem }) => [
      String(wrap),
      formatTime(time),
      problem === null ? opensWith : `damaged: ${problem}`,
    ]),
  )
}

function streamTable(streams: readonly SealedStream[]): string {
  return formatTable(
    ['STREAM', 'LATEST', 'SEALED WITH'],
    streams.map(({ stream, latest, key, problem }) => [
      stream,
      latest === null ? 'none' : `v${latest}`,
      problem ?? key ?? (latest === null ? '' : '(in clear)'),
    ]),
  )
}

/** Damage weighs more than a stream of another key. */
function codeOf(rows: readonly WrapRow[], streams: readonly SealedStream[]): number {
  if (rows.some(({ problem }) => problem !== null) || streams.some((s) => s.state === 'damaged'))
    return EXIT.failed
  return streams.some((s) => s.state === 'another key') ? EXIT.wrongKey : EXIT.done
}
