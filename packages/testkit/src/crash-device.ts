/**
 * A device for tests of power loss: it knows which units are erased, and records what is written.
 *
 * 1. Strict as NOR flash: a unit is programmed once after its block was erased (docs/crash-model.md,
 *    D4); anything else is a `MisuseError` of the engine under test, which no engine catches.
 * 2. A recording is the state at its beginning and every prog, erase and sync since, with copies of
 *    their bytes: states after a power cut are made of it in `crash-states`.
 */

import {
  type BlockDevice,
  checkBlocks,
  checkSpans,
  type Geometry,
  MisuseError,
  type Span,
} from '@caravan/core'

/** The bytes of a device, and which of its program units may be programmed (1) or not (0). */
export interface DeviceState {
  readonly bytes: Uint8Array
  readonly erased: Uint8Array
}

/** What was asked of a device, as it was; a prog's bytes are copies. */
export type RecordedRequest =
  | { readonly kind: 'prog'; readonly spans: readonly Span[] }
  | { readonly kind: 'erase'; readonly blocks: readonly number[] }
  | { readonly kind: 'sync' }

export interface Recording {
  readonly before: DeviceState
  readonly requests: readonly RecordedRequest[]
}

export interface CrashDeviceOptions extends Geometry {
  /** What an erased byte holds. Default 0xff. */
  readonly eraseValue?: number
  /** Refuse a prog of what is not erased. Default true; false as media that take any write. */
  readonly strict?: boolean
  /** Bytes and erased units to begin with; taken over, not copied. Default: all erased. */
  readonly state?: DeviceState
}

export class CrashDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly = false
  readonly eraseValue: number
  readonly state: DeviceState
  private readonly strict: boolean
  private before: DeviceState | undefined
  private requests: RecordedRequest[] = []

  constructor(options: CrashDeviceOptions) {
    const { blockSize, blockCount, readSize, progSize, eraseValue = 0xff } = options
    this.geometry = { blockSize, blockCount, readSize, progSize }
    this.eraseValue = eraseValue
    this.strict = options.strict ?? true
    this.state = options.state ?? {
      bytes: new Uint8Array(blockSize * blockCount).fill(eraseValue),
      erased: new Uint8Array((blockSize * blockCount) / progSize).fill(1),
    }
  }

  get bytes(): Uint8Array {
    return this.state.bytes
  }

  /** Begins a recording with the state as it is; what was recorded before is forgotten. */
  startRecording(): void {
    this.before = copyOfState(this.state)
    this.requests = []
  }

  /** Requests recorded so far. */
  get recordedCount(): number {
    return this.requests.length
  }

  /** What was written since the recording began. */
  stopRecording(): Recording {
    const { before, requests } = this
    if (before === undefined) {
      throw new MisuseError('INVALID_ARGUMENT', 'Nothing was recorded: call startRecording first.')
    }
    this.before = undefined
    return { before, requests }
  }

  read(spans: readonly Span[]): void {
    checkSpans(this.geometry, 'read', spans)
    for (const { block, offset, bytes } of spans) {
      const at = block * this.geometry.blockSize + offset
      bytes.set(this.bytes.subarray(at, at + bytes.length))
    }
  }

  /** @throws MisuseError `INVALID_ARGUMENT` for a unit that was not erased since it was programmed. */
  prog(spans: readonly Span[]): void {
    checkSpans(this.geometry, 'prog', spans)
    const { progSize } = this.geometry
    for (const span of spans) {
      const at = span.block * this.geometry.blockSize + span.offset
      for (let unit = at / progSize; unit < (at + span.bytes.length) / progSize; unit++) {
        if (this.state.erased[unit] === 1 || !this.strict) continue
        throw new MisuseError(
          'INVALID_ARGUMENT',
          `A prog of block ${span.block}, offset ${span.offset}, ${span.bytes.length} bytes: the unit at ${unit * progSize - span.block * this.geometry.blockSize} was not erased since it was programmed.`,
        )
      }
    }
    if (this.before !== undefined) {
      const copies = spans.map((span) => ({ ...span, bytes: span.bytes.slice() }))
      this.requests.push({ kind: 'prog', spans: copies })
    }
    for (const span of spans) progSpan(this.state, this.geometry, span)
  }

  erase(blocks: readonly number[]): void {
    checkBlocks(this.geometry, blocks)
    if (this.before !== undefined) this.requests.push({ kind: 'erase', blocks: [...blocks] })
    for (const block of blocks) eraseBlock(this.state, this.geometry, block, this.eraseValue)
  }

  sync(): void {
    if (this.before !== undefined) this.requests.push({ kind: 'sync' })
  }

  close(): void {}
}

export function copyOfState({ bytes, erased }: DeviceState): DeviceState {
  return { bytes: bytes.slice(), erased: erased.slice() }
}

export function progSpan(state: DeviceState, geometry: Geometry, span: Span): void {
  const { blockSize, progSize } = geometry
  const at = span.block * blockSize + span.offset
  state.bytes.set(span.bytes, at)
  state.erased.fill(0, at / progSize, (at + span.bytes.length) / progSize)
}

export function eraseBlock(
  state: DeviceState,
  geometry: Geometry,
  block: number,
  eraseValue: number,
): void {
  const { blockSize, progSize } = geometry
  state.bytes.fill(eraseValue, block * blockSize, (block + 1) * blockSize)
  state.erased.fill(1, (block * blockSize) / progSize, ((block + 1) * blockSize) / progSize)
}
