import { printableName } from '../../agent/volume/raw-path.ts'

/** A path in one line, whatever bytes it has: control characters and bytes that are no text are spelled out. */
export function printablePath(path: string): string {
  return printableName(
    path.replaceAll('\\', '\\\\').replaceAll(/[\p{Cc}\u2028\u2029]/gu, escapeCharacter),
  )
}

function escapeCharacter(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** The first lines of a list, and how many more there are. */
export function firstLines(lines: readonly string[], limit: number): string[] {
  if (lines.length <= limit) return [...lines]
  return [...lines.slice(0, limit), `… and ${lines.length - limit} more`]
}
