/** Tells the story: each step with what was expected, what was found, and how long it took. */
import { styleText } from 'node:util'

export interface Outcome {
  readonly title: string
  readonly expected: string
  readonly found: string
  readonly ok: boolean
  readonly tookMs: number
}

export class Narrator {
  readonly outcomes: Outcome[] = []
  #step = 0

  chapter(title: string): void {
    console.log(`\n${styleText('bold', title)}`)
  }

  say(...lines: string[]): void {
    for (const line of lines) console.log(`  ${line}`)
  }

  /** Something that a person would see on a screen. */
  show(text: string): void {
    for (const line of text.trimEnd().split('\n')) console.log(styleText('dim', `    ${line}`))
  }

  /** Runs a step and compares: the demo fails when anything is not as it says. */
  async step(title: string, expected: string, run: () => Promise<string>): Promise<void> {
    this.#step += 1
    const beganMs = performance.now()
    const found = await run().catch(
      (error: unknown) => `failed: ${error instanceof Error ? error.message : String(error)}`,
    )
    const tookMs = performance.now() - beganMs
    const ok = found === expected
    this.outcomes.push({ title, expected, found, ok, tookMs })
    const seconds = `${(tookMs / 1000).toFixed(1)} s`
    console.log(
      `  ${ok ? styleText('green', '✔') : styleText('red', '✘')} ${this.#step}. ${title} ${styleText('dim', `(${seconds})`)}`,
    )
    console.log(`       expected  ${expected}`)
    console.log(`       found     ${ok ? found : styleText('red', found)}`)
  }

  get failures(): number {
    return this.outcomes.filter(({ ok }) => !ok).length
  }
}
