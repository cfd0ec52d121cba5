import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const packages = fileURLToPath(new URL('./packages/', import.meta.url))

const { CARAVAN_MEMORY_BUDGET, CARAVAN_RUNS } = process.env
const isLongRun = CARAVAN_MEMORY_BUDGET !== undefined || CARAVAN_RUNS !== undefined

export default defineConfig({
  resolve: {
    // Tests run on the sources: what fails is shown where it is written.
    alias: [
      { find: /^@caravan\/([a-z-]+)\/([a-z]+)$/, replacement: `${packages}$1/src/$2/index.ts` },
      { find: /^@caravan\/([a-z-]+)$/, replacement: `${packages}$1/src/index.ts` },
    ],
  },
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'packages/*/test/**/*.test.ts',
      'scripts/**/*.test.ts',
      'examples/**/*.test.ts',
      'bench/*.test.ts',
      'examples/*/*.test.ts',
    ],
    // littlefs with as little memory for its caches as this says: docs/memory.md.
    setupFiles:
      process.env.CARAVAN_MEMORY_BUDGET === undefined
        ? []
        : ['packages/littlefs/test/least-budget.setup.ts'],
    maxWorkers: 2,
    minWorkers: 1,
    // Far above what a test takes: these catch what hangs.
    testTimeout: isLongRun ? 600_000 : 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
  },
})
