/** The suites of crash safety, on a copy of the engine: `CARAVAN_ENGINE` is its folder. */

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const packages = fileURLToPath(new URL('../../packages/', import.meta.url))
const engine = process.env.CARAVAN_ENGINE ?? ''

export default defineConfig({
  root: engine,
  resolve: {
    alias: [
      { find: /^@caravan\/littlefs$/, replacement: `${engine}/src/index.ts` },
      { find: /^@caravan\/(device|fs)\/node$/, replacement: `${packages}$1/src/node/index.ts` },
      { find: /^@caravan\/([a-z]+)$/, replacement: `${packages}$1/src/index.ts` },
    ],
  },
  test: {
    // The default leaves out folders that begin with a dot, in one of which the copy stands.
    exclude: [],
    maxWorkers: 2,
    minWorkers: 1,
    testTimeout: 120_000,
  },
})
