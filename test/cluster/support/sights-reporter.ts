/** Prints what the tests saw, as a table, before the runner's own summary. */
import type { Reporter, TestModule } from 'vitest/node'

declare module 'vitest' {
  interface TaskMeta {
    /** What was seen, in a few words, with its figures. */
    saw?: string
  }
}

export default class SightsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = modules
      .flatMap((module) => [...module.children.allTests()])
      .flatMap((test): [string, string][] => {
        const { saw } = test.meta()
        return saw === undefined ? [] : [[test.fullName.replaceAll(' > ', ': '), saw]]
      })
    if (rows.length === 0) return
    console.log('\nwhat was seen:')
    for (const [name, saw] of rows) console.log(`  ${name}\n      ${saw}`)
  }
}
