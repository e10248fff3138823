import type { Reporter, TestCase, TestModule } from 'vitest/node'

const skippedOf = (modules: ReadonlyArray<TestModule>): readonly TestCase[] =>
  modules.flatMap((module) => [...module.children.allTests('skipped')])

/**
 * Ends the run with what was skipped, by name and reason, and one line of counts. In CI, where every server can be had, a
 * skip is a failure: a suite that does not run proves nothing.
 */
class Summary implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<unknown>): void {
    const count = (state: 'passed' | 'failed') =>
      modules.reduce((sum, module) => sum + [...module.children.allTests(state)].length, 0)
    const skipped = skippedOf(modules)
    for (const test of skipped) console.log(`skipped: ${test.module.relativeModuleId} > ${test.fullName}`)
    const broken = modules.filter((module) => module.errors().length > 0).length + unhandled.length
    const failed = count('failed') + broken
    console.log(`${count('passed')} passed, ${failed} failed, ${skipped.length} skipped`)
    if (process.env['CI'] === 'true' && skipped.length > 0) {
      console.log('In CI a skip is a failure: get what is missing with npm run services.')
      process.exitCode = 1
    }
  }
}

// Vitest takes a reporter from a file as its default export.
export default Summary
