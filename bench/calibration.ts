/**
 * What the machine does at this moment: the measure by which figures of two moments, or of two
 * machines of one kind, are compared.
 *
 * The CRC is not the engine's own, which may become faster: a yardstick stays as it is.
 */

import { cut, makeBytes } from './workload.js'

/** In GB/s. */
export interface Calibration {
  /** One `Uint8Array.set` of 8 MiB into a used buffer, neither in the processor's caches. */
  readonly copy: number
  /** A table CRC-32 (slicing by 8, in JavaScript) over 4 KiB. */
  readonly crc: number
}

const COPY_BYTES = 8 << 20
/** Areas copied from and to in turn: together far more than caches hold. */
const COPY_AREAS = 8
const CRC_BYTES = 4096
const ROUNDS = 9
/** Of 4 KiB each in one round, so that a round is far longer than the clock's step. */
const CRCS_IN_ROUND = 200

let areas: { readonly from: readonly Uint8Array[]; readonly to: readonly Uint8Array[] } | undefined

/** Made once: what is used for the first time costs more than copying. */
function copyAreas() {
  areas ??= {
    from: cut(new Uint8Array(COPY_AREAS * COPY_BYTES).fill(1), COPY_BYTES),
    to: cut(new Uint8Array(COPY_AREAS * COPY_BYTES).fill(2), COPY_BYTES),
  }
  return areas
}

export function calibrate(): Calibration {
  const { from, to } = copyAreas()
  let turn = 0
  const copyNext = () => {
    const area = turn++ % COPY_AREAS
    ;(to[area] as Uint8Array).set(from[area] as Uint8Array)
  }
  const block = makeBytes(CRC_BYTES, 0)
  let crc = -1
  return {
    copy: medianRate(COPY_BYTES, copyNext),
    crc: medianRate(CRC_BYTES * CRCS_IN_ROUND, () => {
      for (let i = 0; i < CRCS_IN_ROUND; i++) crc = tableCrc32(crc, block)
    }),
  }
}

/** The median of some rounds, after as many to warm up. */
function medianRate(bytes: number, work: () => void): number {
  const rates: number[] = []
  for (let round = 0; round < 2 * ROUNDS; round++) {
    const begin = performance.now()
    work()
    const milliseconds = performance.now() - begin
    if (round >= ROUNDS) rates.push(bytes / milliseconds / 1e6)
  }
  return rates.sort((a, b) => a - b)[ROUNDS >> 1] as number
}

/** `TABLES[k << 8 | b]` is byte `b` followed by `k` zero bytes. */
const TABLES = makeTables()

function makeTables(): Int32Array {
  const tables = new Int32Array(8 << 8)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
    tables[byte] = crc
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256] as number
    tables[i] = (before >>> 8) ^ (tables[before & 0xff] as number)
  }
  return tables
}

/** Goes on from a state over bytes of which there are a multiple of 8. */
export function tableCrc32(state: number, bytes: Uint8Array): number {
  const t = TABLES
  let crc = state
  for (let i = 0; i < bytes.length; i += 8) {
    const low =
      crc ^
      ((bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24))
    crc =
      (t[0x700 | (low & 0xff)] as number) ^
      (t[0x600 | ((low >>> 8) & 0xff)] as number) ^
      (t[0x500 | ((low >>> 16) & 0xff)] as number) ^
      (t[0x400 | (low >>> 24)] as number) ^
      (t[0x300 | (bytes[i + 4] as number)] as number) ^
      (t[0x200 | (bytes[i + 5] as number)] as number) ^
      (t[0x100 | (bytes[i + 6] as number)] as number) ^
      (t[bytes[i + 7] as number] as number)
  }
  return crc
}
