/**
 * Node has no call for extended attributes, so they are Debian's `attr` package's to read and write. `xargs` hands it
 * the paths where they are many, or no text: arguments that Node passes are text, and their number has a limit.
 */
import { spawn } from 'node:child_process'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { HoldfastError } from '../../shared/errors.ts'
import { encodeName } from './raw-path.ts'

/** The tool ended in a way of which nothing can be concluded. */
export class AttributeToolError extends HoldfastError {}

/** All well, some of it failed, and what xargs makes of that. getfattr calls it well, too, when it could not read a value. */
const SOUND_ENDS = [0, 1, 123]
/** xargs did not find the tool. */
const NOT_FOUND = 127

/** Passed without xargs, of at most 4 KiB each. */
const MOST_ARGUMENTS = 64

/** Runs a tool over these paths, in as many processes as their number takes; otherwise as `runTool`. */
export async function runOverPaths(
  tool: readonly string[],
  paths: Iterable<string>,
  onOutput?: (piece: Buffer) => void,
): Promise<Buffer[] | undefined> {
  const all = [...paths]
  if (all.length === 0) return []
  // A commit of one file need not wait for xargs.
  if (all.length <= MOST_ARGUMENTS && all.every((path) => path.isWellFormed()))
    return runTool([...tool, '--', ...all], undefined, onOutput)
  return runTool(['xargs', '-0', ...tool, '--'], zeroEnded(all), onOutput)
}

function* zeroEnded(paths: Iterable<string>): Generator<Buffer> {
  for (const path of paths) yield Buffer.concat([encodeName(path), Buffer.alloc(1)])
}

/** Returns what it complained of, in lines: nothing when all went well. Undefined: it is not installed. Throws `AttributeToolError`. */
export async function runTool(
  [command = '', ...args]: readonly string[],
  input: Iterable<Buffer> | undefined,
  onOutput: (piece: Buffer) => void = () => undefined,
): Promise<Buffer[] | undefined> {
  const child = spawn(command, args, {
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const said: Buffer[] = []
  child.stdout?.on('data', onOutput)
  child.stderr?.on('data', (piece: Buffer) => said.push(piece))
  const ended = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve(NOT_FOUND)
      else
        reject(new AttributeToolError(`${command} cannot be run (${error.code})`, { cause: error }))
    })
    child.once('close', (code, signal) => {
      resolve(code ?? signal)
    })
  })
  // A tool that ends early reads no more: how it ended says enough.
  const feed =
    input !== undefined && child.stdin !== null && pipeline(Readable.from(input), child.stdin)
  const [end] = await Promise.all([ended, feed && feed.catch(() => undefined)])
  if (end === NOT_FOUND) return undefined
  if (typeof end === 'number' && SOUND_ENDS.includes(end)) return linesOf(Buffer.concat(said))
  throw new AttributeToolError(
    `${command} ended with ${end}: ${Buffer.concat(said).toString().slice(0, 500).trim()}`,
  )
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let from = 0; from < bytes.length;) {
    const at = bytes.indexOf(0x0a, from)
    const end = at < 0 ? bytes.length : at
    lines.push(bytes.subarray(from, end))
    from = end + 1
  }
  return lines
}
