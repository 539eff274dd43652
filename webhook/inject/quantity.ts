/** Kubernetes quantities (`500m`, `128Mi`, `1e3`), exact, as whole billionths. */

const QUANTITY =
  /^([+-]?)(\d*)(?:\.(\d*))?(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d{1,2}))?$/
const BILLION = 1_000_000_000n
const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
const DECIMAL_EXPONENT: Record<string, number> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
}

/** Billionths of the unit (a core, a byte); undefined when `value` is no quantity that can be had of a resource. */
export function parseQuantity(value: string | number): bigint | undefined {
  const match = QUANTITY.exec(String(value))
  if (match === null) return undefined
  const [, sign, whole = '', fraction = '', suffix, exponent] = match
  if (sign === '-' || whole + fraction === '') return undefined
  const power = suffix === undefined ? Number(exponent ?? 0) : (DECIMAL_EXPONENT[suffix] ?? 0)
  const factor = suffix?.endsWith('i') === true ? 1024n ** BigInt(BINARY.indexOf(suffix) + 1) : 1n
  const scale = 9 + power - fraction.length
  const digits = BigInt(whole + fraction) * factor
  return scale >= 0 ? digits * 10n ** BigInt(scale) : divideUp(digits, 10n ** BigInt(-scale))
}

/** Whole bytes, rounded up. */
export function quantityBytes(quantity: bigint): number {
  return Number(divideUp(quantity, BILLION))
}

/** Cores, as `2` or `1010m`, rounded up to a thousandth. */
export function formatCpu(quantity: bigint): string {
  const milli = divideUp(quantity, BILLION / 1000n)
  return milli % 1000n === 0n ? String(milli / 1000n) : `${milli}m`
}

/** Bytes, in the largest of Ki, Mi, Gi that keeps it whole, rounded up to a byte. */
export function formatBytes(quantity: bigint): string {
  const bytes = divideUp(quantity, BILLION)
  for (const [power, suffix] of [
    [3n, 'Gi'],
    [2n, 'Mi'],
    [1n, 'Ki'],
  ] as const)
    if (bytes > 0n && bytes % 1024n ** power === 0n) return `${bytes / 1024n ** power}${suffix}`
  return String(bytes)
}

function divideUp(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor
}
