/** Commands without a process, on golden images, in directories of their own. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll } from 'vitest'
import type { ImageFormat } from '../src/formats/format.js'
import { main } from '../src/main.js'

const golden = fileURLToPath(new URL('../../../golden/littlefs/', import.meta.url))

/** A directory that is gone after the tests of the file. */
export const scratch: string = mkdtempSync(join(tmpdir(), 'caravan-cli-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

let directoryCount = 0

/** A path in the scratch directory at which nothing is yet. */
export function freshPath(): string {
  directoryCount++
  return join(scratch, `fresh-${directoryCount}`)
}

export function goldenBytes(name: string): Buffer {
  return gunzipSync(readFileSync(join(golden, `${name}.img.gz`)))
}

/** A golden image as a file; the answer is its path. */
export function goldenImage(name: string): string {
  return imageFile(goldenBytes(name), name)
}

export function imageFile(bytes: Uint8Array, name = 'image'): string {
  const path = join(scratch, `${name}.img`)
  writeFileSync(path, bytes)
  return path
}

export interface GoldenEntry {
  readonly path: string
  readonly type: string
  readonly size: number
  readonly sha256: string | null
  readonly attrs: Record<string, string>
  readonly error?: string
}

export interface GoldenManifest {
  readonly blockSize: number
  readonly blockCount: number
  readonly usedBlocks: number
  readonly diskVersion: string
  readonly entries: readonly GoldenEntry[]
}

export function goldenManifest(name: string): GoldenManifest {
  return JSON.parse(readFileSync(join(golden, `${name}.json`), 'utf8')) as GoldenManifest
}

/** A stream that keeps what it is given, and may pass for a terminal. */
export class Sink extends Writable {
  readonly pieces: Buffer[] = []
  readonly isTTY: boolean
  readonly columns: number | undefined

  constructor(
    terminalColumns?: number,
    private readonly onWrite: () => void = () => {},
  ) {
    super()
    this.isTTY = terminalColumns !== undefined
    this.columns = terminalColumns
  }

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.pieces.push(piece)
    this.onWrite()
    done()
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces)
  }
}

export interface Outcome {
  readonly code: number
  readonly out: string
  readonly outBytes: Buffer
  readonly err: string
}

export interface Surroundings {
  readonly stdin?: Uint8Array
  /** Standard output is a terminal of so many columns. */
  readonly columns?: number
  readonly env?: NodeJS.ProcessEnv
  readonly signal?: AbortSignal
  readonly stderr?: Sink
  /** Instead of those that the command knows. */
  readonly formats?: readonly ImageFormat[]
}

export async function caravan(
  argv: readonly string[],
  around: Surroundings = {},
): Promise<Outcome> {
  const stdout = new Sink(around.columns)
  const stderr = around.stderr ?? new Sink()
  const stdin = Readable.from(around.stdin === undefined ? [] : [around.stdin])
  const code = await main(argv, {
    stdin,
    stdout: stdout as Writable & { columns?: number },
    stderr: stderr as Writable & { columns?: number },
    ...(around.formats === undefined ? {} : { formats: around.formats }),
    ...(around.env === undefined ? {} : { env: around.env }),
    ...(around.signal === undefined ? {} : { signal: around.signal }),
  })
  return {
    code,
    out: stdout.bytes.toString(),
    outBytes: stdout.bytes,
    err: stderr.bytes.toString(),
  }
}
