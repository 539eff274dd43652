import type { Bench } from '../bench.ts'
import type { Side } from '../samples.ts'
import type { BackupProgram } from './backup-program.ts'
import { holdfastCli } from './holdfast-cli.ts'
import { restic } from './restic.ts'

export function programOf(bench: Bench, side: Side): BackupProgram {
  return side === 'holdfast' ? holdfastCli(bench) : restic(bench)
}
