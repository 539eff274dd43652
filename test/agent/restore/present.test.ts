import { mkdirSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { PLAIN_VAULT } from '../../../shared/encryption/vault.ts'
import { scan } from '../../../agent/capture/scanner.ts'
import { inspect } from '../../../agent/restore/present.ts'
import { systemClock } from '../../../shared/clock.ts'
import type { FileEntry } from '../../../shared/repository/entry.ts'
import { EntryTable } from '../../../shared/repository/entry-table.ts'
import { TempVolume } from '../capture/temp-volume.ts'

/** The ids of the chunks that a file is taken to have. */
async function chunksOf(volume: TempVolume, scannedAt: Date | undefined): Promise<unknown> {
  const seen = await scan(volume.layout)
  const there = seen.entries.get('0/a')
  if (there === undefined) throw new Error('0/a is not there')
  const claimed: FileEntry = { ...there, type: 'file', chunks: [{ hole: there.sizeBytes }] }
  const target = EntryTable.of([claimed])
  const options = { scannedAt, touches: () => true, clock: systemClock, vault: PLAIN_VAULT }
  const { files, same } = await inspect(volume.layout, target, options)
  return same[0] === 1 ? claimed.chunks : files.get('0/a')?.chunks
}

test('only a file that changed long before the scan of the version is taken for unchanged by its times', async () => {
  const volume = new TempVolume()
  try {
    mkdirSync(volume.dir)
    writeFileSync(volume.at('a'), 'what is really there')
    const now = Date.now()
    const claimed = [{ hole: 20 }]
    expect(await chunksOf(volume, new Date(now + 10_000))).toEqual(claimed)
    expect(await chunksOf(volume, new Date(now + 1_000))).not.toEqual(claimed)
    expect(await chunksOf(volume, undefined)).not.toEqual(claimed)
  } finally {
    volume.remove()
  }
})
