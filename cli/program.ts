/** The commands and their flags. What they do is loaded only when one of them is called. */
import { Command, Option } from 'commander'
import {
  directoryValue,
  durationValue,
  imageValue,
  limitValue,
  namespaceValue,
  pinValue,
  sampleValue,
  seedValue,
  tagValue,
  textsValue,
} from './option-values.ts'
import type { OnEnd } from './command.ts'
import { command, pinOption, streamOption } from './command.ts'
import type { DiffOptions } from './diff.ts'
import type { KeyRotateOptions } from './key-rotate.ts'
import type { KeyOptions } from './key-namespace.ts'
import { parseKeep } from '../shared/retention/keep-policy.ts'
import { addRetention } from './retention-commands.ts'
import type { ReplicateOptions } from './replicate-options.ts'
import type { RestoreOptions } from './restore.ts'
import type { ShowOptions } from './show.ts'
import type { Surroundings } from './surroundings.ts'
import type { VerifyOptions } from './verify.ts'
import type { VersionsOptions } from './versions.ts'
import { ABOUT, EXAMPLES, EXIT_CODES } from './help-texts.ts'

const DEFAULT_WITHIN_MS = 5_000
const DEFAULT_LIMIT = 50

/** @param onEnd is told the exit code of a command that came to its end. */
export function createProgram(surroundings: Surroundings, onEnd: (code: number) => void): Command {
  const { terminal } = surroundings
  const program = new Command('holdfast')
    .description(ABOUT)
    .version('0.1.0')
    .addHelpText('after', EXIT_CODES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        terminal.print(text.trimEnd())
      },
      // The error itself, thrown, is what is shown; help that nobody asked for (`holdfast` alone) is shown as it is.
      outputError: () => undefined,
      writeErr: (text) => {
        terminal.note(text.trimEnd())
      },
    })
    .showSuggestionAfterError()
    // So that `restore --version v2` is the command's own flag.
    .enablePositionalOptions()
  addReplicate(program, surroundings, onEnd)
  addRestore(program, surroundings, onEnd)
  addReaders(program, surroundings, onEnd)
  addVerify(program, surroundings, onEnd)
  addKey(program, surroundings, onEnd)
  addRetention(program, surroundings, onEnd)
  return program
}

function addReplicate(program: Command, surroundings: Surroundings, onEnd: OnEnd): void {
  command(program, 'replicate', 'ship a directory: every change of it becomes a version')
    .addOption(streamOption().makeOptionMandatory())
    .addOption(
      new Option('--path <dir>', 'what to ship: a directory or a file; may be given several times')
        .argParser(textsValue('--path'))
        .default([], 'none')
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--exclude <glob>',
        'leave out what matches, relative to the path: "*.tmp" right there, "**/*.tmp" at any depth, "cache/" a directory and all below; may be given several times',
      )
        .argParser(textsValue('--exclude'))
        .default([], 'nothing'),
    )
    .addOption(
      new Option('--within <duration>', 'a change is durable within this time')
        .argParser(durationValue('--within'))
        .default(DEFAULT_WITHIN_MS, '5s'),
    )
    .option('--once', 'ship what changed, commit, and exit', false)
    .addOption(
      new Option(
        '--image <name=ref>',
        'an image to record with each version; may be given several times',
      )
        .argParser(imageValue)
        .default([], 'none'),
    )
    .addOption(
      new Option(
        '--keep <rules>',
        'what prune shall keep, recorded with each version: all=24h,hourly=48,daily=14,weekly=8, or some of these',
      )
        .argParser(parseKeep)
        .default({}, 'all=24h,hourly=48,daily=14,weekly=8'),
    )
    .addOption(
      new Option(
        '--tag <name>',
        'make a version of this name now, also when nothing changed; a tag is never moved',
      ).argParser(tagValue),
    )
    .addHelpText('after', EXAMPLES.replicate)
    .action(async (options: ReplicateOptions) => {
      onEnd(await (await import('./replicate.ts')).replicate(options, surroundings))
    })
}

function addRestore(program: Command, surroundings: Surroundings, onEnd: OnEnd): void {
  command(program, 'restore', 'make a directory hold exactly one version; prints the plan first')
    .addOption(streamOption().makeOptionMandatory())
    .addOption(
      new Option('--to <dir>', 'the directory; what the version does not have is removed from it')
        .argParser(directoryValue)
        .makeOptionMandatory(),
    )
    .addOption(pinOption().default({ kind: 'latest' }, 'latest'))
    .option('--dry-run', 'print the plan, and change nothing', false)
    .addHelpText('after', EXAMPLES.restore)
    .action(async (options: RestoreOptions) => {
      onEnd(await (await import('./restore.ts')).restore(options, surroundings))
    })
}

function addVerify(program: Command, surroundings: Surroundings, onEnd: OnEnd): void {
  command(
    program,
    'verify',
    'read and rehash the bytes that versions refer to, and record the verdict',
  )
    .addOption(streamOption())
    .addOption(pinOption('only this version'))
    .option('--all', 'read every byte; so it does without --sample, too', false)
    .addOption(
      new Option(
        '--sample <percent>',
        'read all headers and manifests, and a random share of the rest, as 5%',
      ).argParser(sampleValue),
    )
    .addOption(
      new Option('--seed <number>', 'repeat the choice of an earlier --sample').argParser(
        seedValue,
      ),
    )
    .addHelpText('after', EXAMPLES.verify)
    .action(async (options: VerifyOptions) => {
      onEnd(await (await import('./verify.ts')).verify(options, surroundings))
    })
}

function addReaders(program: Command, surroundings: Surroundings, onEnd: OnEnd): void {
  command(
    program,
    'versions',
    'list versions and restores, newest first; without --stream, all streams',
  )
    .addOption(streamOption())
    .addOption(
      new Option('--limit <count>', 'how many lines at most')
        .argParser(limitValue)
        .default(DEFAULT_LIMIT),
    )
    .addHelpText('after', EXAMPLES.versions)
    .action(async (options: VersionsOptions) => {
      onEnd(await (await import('./versions.ts')).versions(options, surroundings))
    })
  command(program, 'show', 'tell everything about one version')
    .argument('<version>', 'v3, latest, a tag, or a time', pinValue)
    .addOption(streamOption().makeOptionMandatory())
    .option('--files', 'list its entries, too', false)
    .addHelpText('after', EXAMPLES.show)
    .action(async (version: ShowOptions['version'], options: Omit<ShowOptions, 'version'>) => {
      onEnd(await (await import('./show.ts')).show({ ...options, version }, surroundings))
    })
  command(program, 'diff', 'tell what differs between two versions')
    .argument('<from>', 'v3, latest, a tag, or a time', pinValue)
    .argument('<to>', 'likewise', pinValue)
    .addOption(streamOption().makeOptionMandatory())
    .addHelpText('after', EXAMPLES.diff)
    .action(
      async (
        from: DiffOptions['from'],
        to: DiffOptions['to'],
        options: Omit<DiffOptions, 'from' | 'to'>,
      ) => {
        onEnd(await (await import('./diff.ts')).diff({ ...options, from, to }, surroundings))
      },
    )
}

function addKey(program: Command, surroundings: Surroundings, onEnd: OnEnd): void {
  const key = program
    .command('key')
    .description('encrypt a namespace: make its key, wrap it anew, check the one at hand')
  command(key, 'init', "make a namespace's key: what is written from then on is encrypted")
    .addOption(namespaceOption())
    .addHelpText('after', EXAMPLES.keyInit)
    .action(async (options: KeyOptions) => {
      onEnd(await (await import('./key-init.ts')).keyInit(options, surroundings))
    })
  command(key, 'rotate', 'let a new key open the namespace; no data is written again')
    .addOption(namespaceOption())
    .option('--remove-old', 'remove what other keys open: they are refused from then on', false)
    .addHelpText('after', EXAMPLES.keyRotate)
    .action(async (options: KeyRotateOptions) => {
      onEnd(await (await import('./key-rotate.ts')).keyRotate(options, surroundings))
    })
  command(key, 'check', 'tell whether the key is right, and which streams are encrypted')
    .addOption(namespaceOption())
    .addHelpText('after', EXAMPLES.keyCheck)
    .action(async (options: KeyOptions) => {
      onEnd(await (await import('./key-check.ts')).keyCheck(options, surroundings))
    })
}

function namespaceOption(): Option {
  return new Option('--namespace <namespace>', 'the first part of the names of its streams')
    .argParser(namespaceValue)
    .makeOptionMandatory()
}
