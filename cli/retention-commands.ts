/** The commands that decide which versions stay: `prune` and `hold`. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { parseKeep } from '../shared/retention/keep-policy.ts'
import { parseStreamName } from '../shared/stream-name.ts'
import type { OnEnd } from './command.ts'
import { command, streamOption } from './command.ts'
import { EXAMPLES } from './help-texts.ts'
import type { HoldAddOptions, HoldOptions } from './hold.ts'
import { countValue, noteValue, pinValue } from './option-values.ts'
import type { PruneOptions } from './prune.ts'
import type { Surroundings } from './surroundings.ts'

export function addRetention(program: Command, surroundings: Surroundings, onEnd: OnEnd): void {
  addPrune(program, surroundings, onEnd)
  addHold(program, surroundings, onEnd)
}

function addPrune(program: Command, surroundings: Surroundings, onEnd: OnEnd): void {
  command(program, 'prune', 'remove versions that no rule keeps, in two runs a day apart')
    .argument('[stream]', 'whose history, as shop/shop/0; without it, all streams', parseStreamName)
    .addOption(
      new Option(
        '--keep <rules>',
        'instead of what was declared: all=24h,hourly=48,daily=14,weekly=8, or some of these',
      )
        .argParser(parseKeep)
        .default({}, 'as declared'),
    )
    .option('--dry-run', 'tell for each version why it stays or goes, and change nothing', false)
    .addOption(
      new Option(
        '--confirm <value>',
        'agree to a plan that removes more than half of all versions: the value that prune printed',
      ).argParser(countValue('--confirm')),
    )
    .addHelpText('after', EXAMPLES.prune)
    .action(async (stream: PruneOptions['stream'], options: Omit<PruneOptions, 'stream'>) => {
      const all = stream === undefined ? options : { ...options, stream }
      onEnd(await (await import('./prune.ts')).prune(all, surroundings))
    })
}

function addHold(program: Command, surroundings: Surroundings, onEnd: OnEnd): void {
  const hold = program
    .command('hold')
    .description('keep versions from prune for as long as it takes')
    .addHelpText('after', EXAMPLES.hold)
  command(hold, 'add', 'hold a version')
    .argument('<version>', 'v3, latest, a tag, or a time', pinValue)
    .addOption(streamOption().makeOptionMandatory())
    .addOption(new Option('--note <text>', 'why').argParser(noteValue).default('', 'none'))
    .action(
      async (version: HoldAddOptions['version'], options: Omit<HoldAddOptions, 'version'>) => {
        onEnd(await (await import('./hold.ts')).addHold({ ...options, version }, surroundings))
      },
    )
  command(hold, 'remove', 'hold a version no more')
    .argument('<version>', 'v3', pinValue)
    .addOption(streamOption().makeOptionMandatory())
    .action(async (version: HoldAddOptions['version'], options: HoldOptions) => {
      onEnd(await (await import('./hold.ts')).removeHold({ ...options, version }, surroundings))
    })
  command(hold, 'list', 'list the versions that are held')
    .addOption(streamOption().makeOptionMandatory())
    .action(async (options: HoldOptions) => {
      onEnd(await (await import('./hold.ts')).showHolds(options, surroundings))
    })
}
