/**
 * The process around {@link main}: its streams, its signals, its exit code.
 *
 * The first SIGINT or SIGTERM asks the verb to stop and to take away what is half-made; a second
 * one ends the process at once.
 */

import { main } from './main.js'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => stop.abort())
}

// Set, not passed to process.exit(): what is still in the pipes must go out first.
process.exitCode = await main(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  signal: stop.signal,
})
