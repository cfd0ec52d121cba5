/**
 * The times of a file, which littlefs itself does not keep: each platform writes them into a user
 * attribute of its own, its dialect.
 *
 * | dialect | attribute | bytes | who | what |
 * | --- | --- | --- | --- | --- |
 * | `t4` | `t` (0x74) | 4 | early Arduino cores | seconds since 1970 |
 * | `t8` | `t` (0x74) | 8 | ESP-IDF, Arduino | seconds since 1970 |
 * | `t12` | `t` (0x74) | 12 | chamelon | days since 1970 (u32), picoseconds in the day (u64) |
 * | `ns` | 1 | 8 | MicroPython | nanoseconds since 1970 |
 * | `nuttx` | 0 | 40 | NuttX | version, mode, uid, gid (u32), then access, modification and change time (u64), in nanoseconds |
 *
 * All little-endian. Some of the `t8` platforms also keep when a file was made, in `c` (0x63).
 */

/** Which attribute holds times. */
export type TimeDialect = 't4' | 't8' | 't12' | 'ns' | 'nuttx'

/** Nanoseconds since 1970; what a dialect does not hold is missing. */
export interface HeldTimes {
  readonly mtimeNs: bigint
  readonly atimeNs?: bigint
  readonly ctimeNs?: bigint
  /** NuttX alone. */
  readonly owner?: Owner
}

export interface Owner {
  readonly version: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

interface Layout {
  readonly type: number
  readonly size: number
}

const T = 0x74
/** When a file was made: seconds, in 4 or 8 bytes. */
export const CREATION_ATTRIBUTE = 0x63

const LAYOUTS: Readonly<Record<TimeDialect, Layout>> = {
  t4: { type: T, size: 4 },
  t8: { type: T, size: 8 },
  t12: { type: T, size: 12 },
  ns: { type: 1, size: 8 },
  nuttx: { type: 0, size: 40 },
}

export const TIME_DIALECTS = Object.keys(LAYOUTS) as readonly TimeDialect[]

const SECOND = 1_000_000_000n
const DAY = 86_400n * SECOND
const U32_MAX = 0xffff_ffffn
const U64_MAX = 0xffff_ffff_ffff_ffffn

/** The attribute type that a dialect uses. */
export function timeAttributeType(dialect: TimeDialect): number {
  return LAYOUTS[dialect].type
}

/** True for the types that some dialect uses. */
export function isTimeAttribute(type: number): boolean {
  return TIME_DIALECTS.some((each) => LAYOUTS[each].type === type)
}

/** The dialect that an attribute of that type and size is of. */
export function dialectOf(type: number, size: number): TimeDialect | undefined {
  // Asked for every attribute of an image at mount: most are of other types.
  if (type !== T && type > 1) return undefined
  return TIME_DIALECTS.find((each) => LAYOUTS[each].type === type && LAYOUTS[each].size === size)
}

export function decodeTimes(dialect: TimeDialect, bytes: Uint8Array): HeldTimes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (dialect) {
    case 't4':
      return { mtimeNs: BigInt(view.getUint32(0, true)) * SECOND }
    case 't8':
      return { mtimeNs: view.getBigUint64(0, true) * SECOND }
    case 't12':
      return {
        mtimeNs: BigInt(view.getUint32(0, true)) * DAY + view.getBigUint64(4, true) / 1000n,
      }
    case 'ns':
      return { mtimeNs: view.getBigUint64(0, true) }
    case 'nuttx':
      return {
        owner: {
          version: view.getUint32(0, true),
          mode: view.getUint32(4, true),
          uid: view.getUint32(8, true),
          gid: view.getUint32(12, true),
        },
        atimeNs: view.getBigUint64(16, true),
        mtimeNs: view.getBigUint64(24, true),
        ctimeNs: view.getBigUint64(32, true),
      }
  }
}

/** What a dialect can hold of the times; what lies outside its range is its nearest end. */
export function encodeTimes(dialect: TimeDialect, times: HeldTimes): Uint8Array {
  const bytes = new Uint8Array(LAYOUTS[dialect].size)
  const view = new DataView(bytes.buffer)
  const { mtimeNs } = times
  switch (dialect) {
    case 't4':
      view.setUint32(0, Number(within(mtimeNs / SECOND, U32_MAX)), true)
      break
    case 't8':
      view.setBigUint64(0, within(mtimeNs / SECOND, U64_MAX), true)
      break
    case 't12':
      view.setUint32(0, Number(within(mtimeNs / DAY, U32_MAX)), true)
      view.setBigUint64(4, (within(mtimeNs, U64_MAX) % DAY) * 1000n, true)
      break
    case 'ns':
      view.setBigUint64(0, within(mtimeNs, U64_MAX), true)
      break
    case 'nuttx': {
      const { version, mode, uid, gid } = times.owner ?? NEW_FILE
      for (const [i, value] of [version, mode, uid, gid].entries()) {
        view.setUint32(i * 4, value, true)
      }
      view.setBigUint64(16, within(times.atimeNs ?? mtimeNs, U64_MAX), true)
      view.setBigUint64(24, within(mtimeNs, U64_MAX), true)
      view.setBigUint64(32, within(times.ctimeNs ?? mtimeNs, U64_MAX), true)
      break
    }
  }
  return bytes
}

/** What NuttX' attribute says of a file that it did not make itself. */
const NEW_FILE: Owner = { version: 1, mode: 0o100666, uid: 0, gid: 0 }
export const NEW_DIRECTORY: Owner = { ...NEW_FILE, mode: 0o040777 }

function within(value: bigint, max: bigint): bigint {
  return value < 0n ? 0n : value > max ? max : value
}

/** `undefined` for a size that no platform writes. */
export function decodeCreation(bytes: Uint8Array): bigint | undefined {
  if (bytes.length === 4) return decodeTimes('t4', bytes).mtimeNs
  return bytes.length === 8 ? decodeTimes('t8', bytes).mtimeNs : undefined
}
