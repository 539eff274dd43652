/** From arguments to an exit code: the right command, or one sentence. */
import { CommanderError } from 'commander'
import { HoldfastError } from '../shared/errors.ts'
import { EXIT } from './exit-codes.ts'
import { createProgram } from './program.ts'
import type { Surroundings } from './surroundings.ts'

/** Never throws; whatever goes wrong is a sentence on stderr and a code. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { terminal, debug } = surroundings
  let code: number = EXIT.done
  const program = createProgram(surroundings, (result) => {
    code = result
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return usageCode(error, surroundings)
    if (error instanceof HoldfastError) {
      terminal.note(`holdfast: ${oneLine(error.message)}`)
      return error.exitCode
    }
    terminal.note(
      `holdfast: unexpected: ${oneLine(String(error))}; this is a fault of holdfast, please report it (HOLDFAST_DEBUG=1 shows where it happened)`,
    )
    if (debug && error instanceof Error) terminal.note(error.stack ?? '')
    return EXIT.failed
  }
}

/** Help and version are answers; everything else that commander ends with is a usage error. */
function usageCode(error: CommanderError, { terminal }: Surroundings): number {
  if (error.exitCode === 0) return EXIT.done
  if (error.code !== 'commander.help')
    terminal.note(
      `holdfast: ${oneLine(error.message.replace(/^error: /, ''))}; holdfast --help shows what there is`,
    )
  return EXIT.usage
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ')
}
