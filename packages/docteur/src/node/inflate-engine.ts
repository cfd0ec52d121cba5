/**
 * InflateEngine: one inflater of Node's zlib, used again and again.
 *
 * `inflateSync` makes a stream with all of its parts for each call, which takes longer than most
 * objects of a PACK take to be inflated (decision 0023). The engine inside such a stream can be
 * reset and called at once; it is no documented interface, but one that `pngjs` and npm's own
 * `minizlib` stand on. Where it is not as it is known here, and on a Node.js that is newer than those
 * on which it was tried, {@link InflateEngine.make} gives none.
 */

import { constants, createInflate } from 'node:zlib'
import type { Inflated } from '../inflate/inflate.js'

/** The largest content: one byte more shows whether the stream has ended. */
export const ENGINE_MAX_BYTES = 65_536

interface Handle {
  reset(): void
  writeSync(
    flush: number,
    input: Uint8Array,
    inputStart: number,
    inputLength: number,
    output: Uint8Array,
    outputStart: number,
    outputLength: number,
  ): void
  onerror: () => void
}

/** What a stream of Node's zlib is made of, as far as it is used here. */
interface Internals {
  readonly _handle?: Handle | null
  /** The room and the input that a call has left. */
  readonly _writeState?: Uint32Array
}

/** 'caravan', as zlib has it. */
const SAMPLE = Uint8Array.of(120, 156, 75, 78, 44, 74, 44, 75, 204, 3, 0, 11, 82, 2, 221)
const SAMPLE_TEXT = 'caravan'

/** The newest Node.js on which the suite runs: another order of arguments would end the process. */
const NODE_MAJOR_MAX = 26

export class InflateEngine {
  private readonly output = new Uint8Array(ENGINE_MAX_BYTES + 1)
  private isFailed = false

  private constructor(
    private readonly handle: Handle,
    private readonly left: Uint32Array,
  ) {
    handle.onerror = () => {
      this.isFailed = true
    }
  }

  /** `undefined` where this Node's zlib is built in another way, or may be. */
  static make(nodeVersion = process.versions.node): InflateEngine | undefined {
    if (!(Number.parseInt(nodeVersion, 10) <= NODE_MAJOR_MAX)) return undefined
    const { _handle: handle, _writeState: left } = createInflate() as Internals
    const isKnown =
      typeof handle?.reset === 'function' &&
      typeof handle.writeSync === 'function' &&
      left instanceof Uint32Array &&
      left.length === 2
    if (!isKnown) return undefined
    const engine = new InflateEngine(handle, left)
    const sample = engine.inflate(SAMPLE, SAMPLE_TEXT.length)
    const isRight =
      sample?.inputBytes === SAMPLE.length &&
      Buffer.from(sample.bytes).equals(Buffer.from(SAMPLE_TEXT))
    return isRight ? engine : undefined
  }

  /**
   * Inflates the stream that `input` begins with, whose content has `sizeBytes`, at most
   * {@link ENGINE_MAX_BYTES}.
   *
   * @returns `undefined` for a stream that is not whole, damaged, or of another size.
   */
  inflate(input: Uint8Array, sizeBytes: number): Inflated | undefined {
    const { handle, left, output } = this
    const room = sizeBytes + 1
    this.isFailed = false
    handle.reset()
    handle.writeSync(constants.Z_FINISH, input, 0, input.length, output, 0, room)
    if (this.isFailed || left[0] !== 1) return undefined
    return { bytes: output.slice(0, sizeBytes), inputBytes: input.length - (left[1] as number) }
  }
}
