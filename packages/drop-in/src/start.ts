/**
 * The process around a program: its streams, its signals, its exit code.
 *
 * 1. The first SIGINT or SIGTERM asks the program to stop and to take away what is half-made; a
 *    second one ends the process at once.
 * 2. A reader of the output that has gone away (`| head`) keeps no image from being made.
 */

import type { Program, Sink } from './program.js'

export async function start(program: Program): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => stop.abort())
  }
  // Set, not passed to process.exit(): what is still in the pipes must go out first.
  process.exitCode = await program(process.argv.slice(2), {
    cwd: process.cwd(),
    env: process.env,
    stdin: process.stdin,
    stdout: sinkOf(process.stdout),
    stderr: sinkOf(process.stderr),
    signal: stop.signal,
  })
}

function sinkOf(stream: NodeJS.WriteStream): Sink {
  // Unheard, the event would end the process; there is nobody left to be told.
  stream.on('error', () => {})
  return { write: (piece) => void (stream.writable && stream.write(piece)) }
}
