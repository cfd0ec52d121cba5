/** The command as a process, as a user would start it. */

import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../bin/caravan.js', import.meta.url))

export interface Ended {
  /** `null` where a signal has ended it. */
  readonly code: number | null
  readonly out: Buffer
  readonly err: string
}

export interface Running {
  readonly pid: number | undefined
  kill(signal: NodeJS.Signals): void
  /** Ends its standard input. */
  endInput(): void
}

export interface Around {
  /** All of its standard input; default nothing. */
  readonly stdin?: Uint8Array
  /** The directory that it is started in. Default: that of the tests. */
  readonly directory?: string
  /** Leave standard input open. */
  readonly keepsInput?: boolean
  /** Stop reading standard output after so many bytes. */
  readonly readMax?: number
  /** Called when the process is there. */
  readonly onStart?: (running: Running) => void
}

export function start(argv: readonly string[], around: Around = {}): Promise<Ended> {
  const { stdin, keepsInput = false, readMax, onStart, directory } = around
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [command, ...argv], { stdio: 'pipe', cwd: directory })
    const out: Buffer[] = []
    const err: Buffer[] = []
    let readSize = 0
    child.stdout.on('data', (piece: Buffer) => {
      out.push(piece)
      readSize += piece.length
      if (readMax !== undefined && readSize >= readMax) child.stdout.destroy()
    })
    child.stderr.on('data', (piece: Buffer) => err.push(piece))
    child.on('error', reject)
    child.on('close', (code) => {
      resolve({ code, out: Buffer.concat(out), err: Buffer.concat(err).toString() })
    })
    child.stdin.on('error', () => {})
    if (!keepsInput) child.stdin.end(stdin)
    onStart?.({
      pid: child.pid,
      kill: (signal) => child.kill(signal),
      endInput: () => child.stdin.end(),
    })
  })
}

/** Waits until something is so, looking every millisecond. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** Once the process has written its name into the lock of an image, and so many milliseconds later. */
export async function locked(image: string, laterMs = 0): Promise<void> {
  await until(() => (statSync(`${image}.lock`, { throwIfNoEntry: false })?.size ?? 0) > 0)
  await new Promise((resolve) => setTimeout(resolve, laterMs))
}
