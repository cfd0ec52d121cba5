/**
 * The times of a file, which littlefs itself does not keep: each platform writes them into a user
 * attribute of its own, its dialect.
 *
 * | dialect | attribute | bytes | who | what |
 * | --- | --- | --- | --- | --- |
 * | `t4` | `t` (0x74) | 4 | early Arduino cores | seconds since 1970 |
 * | `t8` | `t` (0x74) | 8 | ESP-IDF, Arduino | seconds since 1970, signed; -1 where the device had no clock |
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
  /** What is left of `mtimeNs` in picoseconds, 0 to 999: chamelon alone. */
  readonly mtimePs?: bigint
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
const I64_MAX = 0x7fff_ffff_ffff_ffffn
const U64_MAX = 0xffff_ffff_ffff_ffffn
const DAY_PS = DAY * 1000n

/** Seconds that are further off were never a time: more days than 31 bits hold. */
const SECONDS_END = 2n ** 31n * 86_400n

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

/** `undefined` for what can be no time. */
export function decodeTimes(dialect: TimeDialect, bytes: Uint8Array): HeldTimes | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  switch (dialect) {
    case 't4':
      return { mtimeNs: BigInt(view.getUint32(0, true)) * SECOND }
    case 't8': {
      const seconds = view.getBigInt64(0, true)
      const isTime = seconds !== -1n && seconds > -SECONDS_END && seconds < SECONDS_END
      return isTime ? { mtimeNs: seconds * SECOND } : undefined
    }
    case 't12': {
      const ps = view.getBigUint64(4, true)
      if (ps >= DAY_PS) return undefined
      const mtimeNs = BigInt(view.getUint32(0, true)) * DAY + ps / 1000n
      return { mtimeNs, mtimePs: ps % 1000n }
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

/** An attribute as the times that it holds; `undefined` for one that holds none. */
export function decodeTimeAttribute(type: number, bytes: Uint8Array): HeldTimes | undefined {
  const dialect = dialectOf(type, bytes.length)
  return dialect && decodeTimes(dialect, bytes)
}

/**
 * The times among attributes, whatever their dialects.
 *
 * @param preferred the dialect to go by where there are several; else the first is taken.
 */
export function timesAmong(
  attributes: Iterable<{ readonly type: number; readonly bytes: Uint8Array }>,
  preferred?: TimeDialect,
): HeldTimes | undefined {
  let found: HeldTimes | undefined
  for (const { type, bytes } of attributes) {
    const dialect = dialectOf(type, bytes.length)
    const times = dialect && decodeTimes(dialect, bytes)
    if (times === undefined) continue
    if (dialect === preferred) return times
    found ??= times
  }
  return found
}

/** What a dialect can hold of the times; what lies outside its range is its nearest end. */
export function encodeTimes(dialect: TimeDialect, times: HeldTimes): Uint8Array {
  const bytes = new Uint8Array(LAYOUTS[dialect].size)
  const view = new DataView(bytes.buffer)
  const { mtimeNs, mtimePs = 0n } = times
  switch (dialect) {
    case 't4':
      view.setUint32(0, Number(within(floorDivided(mtimeNs, SECOND), 0n, U32_MAX)), true)
      break
    case 't8':
      view.setBigInt64(0, within(floorDivided(mtimeNs, SECOND), -I64_MAX, I64_MAX), true)
      break
    case 't12': {
      const days = within(floorDivided(mtimeNs, DAY), 0n, U32_MAX)
      view.setUint32(0, Number(days), true)
      view.setBigUint64(4, within((mtimeNs - days * DAY) * 1000n + mtimePs, 0n, DAY_PS - 1n), true)
      break
    }
    case 'ns':
      view.setBigUint64(0, within(mtimeNs, 0n, U64_MAX), true)
      break
    case 'nuttx': {
      const { version, mode, uid, gid } = times.owner ?? NEW_FILE
      for (const [i, value] of [version, mode, uid, gid].entries()) {
        view.setUint32(i * 4, value, true)
      }
      view.setBigUint64(16, within(times.atimeNs ?? mtimeNs, 0n, U64_MAX), true)
      view.setBigUint64(24, within(mtimeNs, 0n, U64_MAX), true)
      view.setBigUint64(32, within(times.ctimeNs ?? mtimeNs, 0n, U64_MAX), true)
      break
    }
  }
  return bytes
}

/** What NuttX' attribute says of a file that it did not make itself. */
const NEW_FILE: Owner = { version: 1, mode: 0o100666, uid: 0, gid: 0 }
const NEW_DIRECTORY: Owner = { ...NEW_FILE, mode: 0o040777 }

export function newOwner(isFile: boolean): Owner {
  return isFile ? NEW_FILE : NEW_DIRECTORY
}

function within(value: bigint, min: bigint, max: bigint): bigint {
  return value < min ? min : value > max ? max : value
}

/** Rounded down also before 1970. */
function floorDivided(value: bigint, unit: bigint): bigint {
  const whole = value / unit
  return value < 0n && whole * unit !== value ? whole - 1n : whole
}

/** `undefined` for a size that no platform writes. */
export function decodeCreation(bytes: Uint8Array): bigint | undefined {
  if (bytes.length !== 4 && bytes.length !== 8) return undefined
  return decodeTimes(bytes.length === 4 ? 't4' : 't8', bytes)?.mtimeNs
}

/** Attribute `c` in that many bytes. */
export function encodeCreation(madeNs: bigint, sizeBytes: 4 | 8): Uint8Array {
  return encodeTimes(sizeBytes === 4 ? 't4' : 't8', { mtimeNs: madeNs })
}
