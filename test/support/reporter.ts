import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node'

type Parent = TestModule | TestSuite

/** What a test stands in, from the innermost suite to its file. */
const parentsOf = (test: TestCase): readonly Parent[] => {
  const parents: Parent[] = []
  for (let parent: Parent = test.parent; ; parent = parent.parent) {
    parents.push(parent)
    if (parent.type === 'module') return parents
  }
}

/** A suite whose own code failed, as a `beforeAll` that throws. Its tests count as skipped to Vitest; they are not. */
const isBroken = (parent: Parent): boolean => parent.errors().length > 0

/** The outermost suite that is skipped with this test, or the test itself, and why, where its name does not say it. */
const described = (test: TestCase): string => {
  const suite = parentsOf(test).findLast((parent) => parent.type === 'suite' && parent.options.mode === 'skip')
  const result = test.result()
  const note = result.state === 'skipped' && result.note !== undefined ? ` (${result.note})` : ''
  return `${test.module.relativeModuleId} > ${suite?.type === 'suite' ? suite.fullName : test.fullName + note}`
}

/**
 * Ends the run with what was skipped, by name and reason, and one line of counts. In CI, where every server can be
 * had, a skip is a failure: a suite that does not run proves nothing.
 */
class Summary implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<unknown>): void {
    const all = (state: 'passed' | 'failed' | 'skipped') =>
      modules.flatMap((module) => [...module.children.allTests(state)])
    const suites = modules.flatMap((module): Parent[] => [module, ...module.children.allSuites()])
    const skipped = all('skipped').filter((test) => !parentsOf(test).some(isBroken))
    const failed = all('failed').length + suites.filter(isBroken).length + unhandled.length
    for (const name of new Set(skipped.map(described))) console.log(`skipped: ${name}`)
    if (process.env['CI'] === 'true' && skipped.length > 0) {
      console.log('In CI a skip is a failure. npm run services gets the servers that are missing.')
      process.exitCode = 1
    }
    console.log(`${all('passed').length} passed, ${failed} failed, ${skipped.length} skipped`)
  }
}

// Vitest takes a reporter from a file as its default export.
export default Summary
