import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('..', import.meta.url)),
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Real processes, servers and disks take their time on a busy machine; what must be quick is measured in bench.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ['default', './test/support/reporter.ts']
  }
})
