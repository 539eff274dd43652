/** What the flags of all commands have in common. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { parseStreamName } from '../shared/stream-name.ts'
import { durationValue, pinValue } from './option-values.ts'

const DEFAULT_TIMEOUT_MS = 60_000

/** Is told the exit code of a command that came to its end. */
export type OnEnd = (code: number) => void

/** @param parent the program, or a command that has this one below it. */
export function command(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .requiredOption(
      '--store <url>',
      'the repository: s3://BUCKET/PREFIX or file:///DIRECTORY; S3 credentials come from the AWS environment',
    )
    .addOption(
      new Option('--output <format>', 'for people, or one JSON document')
        .choices(['table', 'json'])
        .default('table'),
    )
    .addOption(
      new Option('--timeout <duration>', 'give up when the store has not answered for so long')
        .argParser(durationValue('--timeout'))
        .default(DEFAULT_TIMEOUT_MS, '60s'),
    )
}

export function streamOption(): Option {
  return new Option(
    '--stream <namespace/app/slot>',
    'whose history: for example shop/shop/0',
  ).argParser(parseStreamName)
}

export function pinOption(
  description = 'v3, latest, a tag, or a time as 20261120T141500Z',
): Option {
  return new Option('--version <version>', description).argParser(pinValue)
}
