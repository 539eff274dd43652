/** What verifications found of a version, as `versions` and `show` tell it. Pure. */
import type { StandingDamage, StandingVerdict } from '../shared/repository/standing-verdict.ts'
import { printablePath } from './text/names.ts'
import { formatCount } from './text/sizes.ts'
import { formatTime } from './text/times.ts'

/** `2026-11-20`, `2026-11-20 5%`, `damaged: 3 files`; empty for a version that was never verified. */
export function verifiedCell(standing: StandingVerdict | undefined): string {
  if (standing === undefined) return ''
  const { newest, damage } = standing
  if (damage !== undefined) return damageText(damage)
  const date = newest.at.toISOString().slice(0, 10)
  return newest.percent === 100 ? date : `${date} ${newest.percent}%`
}

function damageText({ problem, files }: StandingDamage): string {
  return problem === null ? `damaged: ${formatCount(files, 'file')}` : 'damaged: all of it'
}

/** One line: when, how much, and whether anything is damaged. */
export function verifiedLine(standing: StandingVerdict | undefined): string {
  if (standing === undefined) return 'never'
  const { newest, wholeAt, damage } = standing
  const looked =
    newest.percent === 100
      ? `every byte, ${formatTime(newest.at)}`
      : `a sample of ${newest.percent}%, ${formatTime(newest.at)}; every byte ${wholeAt === undefined ? 'never' : formatTime(wholeAt)}`
  return damage === undefined ? looked : `${damageText(damage)} (${looked})`
}

/** Lines that name what is lost. */
export function damageLines({ damage }: StandingVerdict): string[] {
  if (damage === undefined) return []
  const more = damage.files - damage.lost.length
  return [
    `damaged, as found ${formatTime(damage.at)}:`,
    ...(damage.problem === null ? [] : [`  all of it: ${printablePath(damage.problem)}`]),
    ...damage.lost.map(({ path, why }) => `  ${printablePath(path)}: ${why}`),
    ...(more > 0 ? [`  … and ${more} more: holdfast verify names them`] : []),
  ]
}

/** @param withFiles name the lost files, too. */
export function verifiedJson(standing: StandingVerdict | undefined, withFiles: boolean) {
  if (standing === undefined) return null
  const { newest, wholeAt, damage } = standing
  return {
    time: newest.at.toISOString(),
    percent: newest.percent,
    everyByteTime: wholeAt?.toISOString() ?? null,
    damage: damage === undefined ? null : damageJson(damage, withFiles),
  }
}

function damageJson({ at, problem, files, lost }: StandingDamage, withFiles: boolean) {
  return { time: at.toISOString(), problem, files, ...(withFiles && { lost }) }
}
