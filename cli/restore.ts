/** `holdfast restore`: print the plan, then make the directory hold exactly that version. It is a read: no record is written. */
import { planInto, runInto } from '../agent/restore/into-directory.ts'
import type { RestoreResult } from '../agent/restore/restorer.ts'
import { AttributeTools } from '../agent/volume/attribute-tools.ts'
import { systemClock } from '../shared/clock.ts'
import type { Pin } from '../shared/pin.ts'
import { loadManifest } from '../shared/repository/version-object.ts'
import type { StreamName } from '../shared/stream-name.ts'
import { EXIT } from './exit-codes.ts'
import { findVersion, openStream } from './repository.ts'
import type { Restoration } from './restore-report.ts'
import { planJson, planText, resultJson, resultText } from './restore-report.ts'
import { layoutInto, makeParents, targetDirectory } from './restore-target.ts'
import type { CommonOptions, Surroundings } from './surroundings.ts'
import { formatBytes } from './text/sizes.ts'

export interface RestoreOptions extends CommonOptions {
  readonly stream: StreamName
  readonly to: string
  readonly version: Pin
  readonly dryRun: boolean
}

export async function restore(
  options: RestoreOptions,
  surroundings: Surroundings,
): Promise<number> {
  const { terminal } = surroundings
  const isJson = options.output === 'json'
  const directory = targetDirectory(options.to, options.store, surroundings.home)
  const from = await openStream(options, surroundings)
  const found = await findVersion(from, options.version)
  const manifest = await loadManifest(from.store, from.log, found.record.n)
  const vault = await from.log.vaults.reading(found.record.key)
  const layout = layoutInto(directory, found.record, manifest)
  const tools = new AttributeTools()
  const plan = await planInto(
    layout,
    manifest,
    new Date(found.record.scannedAt),
    systemClock,
    vault,
    tools,
  )
  const restoration: Restoration = {
    ...found,
    stream: options.stream,
    directory,
    layout,
    manifest,
    plan,
  }
  if (!isJson) terminal.print(planText(restoration))
  if (options.dryRun) {
    if (isJson) terminal.printJson({ ...planJson(restoration), done: false })
    return EXIT.done
  }
  makeParents(directory, layout)
  const beganMs = performance.now()
  const result = await runInto(
    layout,
    plan,
    { ...from, stream: options.stream, vault, tools },
    ({ bytesDone, bytes, filesDone, files }) => {
      terminal.progress(
        `restoring: ${filesDone} of ${files} files, ${formatBytes(bytesDone)} of ${formatBytes(bytes)}`,
      )
      surroundings.signals.check()
    },
  )
  const seconds = (performance.now() - beganMs) / 1000
  if (isJson)
    terminal.printJson({ ...planJson(restoration), done: true, ...resultJson(restoration, result) })
  else for (const line of resultText(restoration, result, seconds)) terminal.print(line)
  return codeOf(found.record.complete, result)
}

function codeOf(complete: boolean, { lost }: RestoreResult): number {
  return complete && lost.length === 0 ? EXIT.done : EXIT.partial
}
