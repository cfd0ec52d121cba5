/**
 * The modification time of a file, which littlefs itself does not keep: each platform writes it into
 * a user attribute of its own.
 *
 * | attribute | bytes | who | what |
 * | --- | --- | --- | --- |
 * | `t` (0x74) | 4 or 8 | ESP-IDF, Arduino | seconds since 1970, little-endian |
 * | `t` (0x74) | 12 | chamelon | days since 1970 (u32), picoseconds in the day (u64) |
 * | 1 | 8 | MicroPython | nanoseconds since 1970, little-endian |
 * | 0 | 40 | NuttX | {version, mode, uid, gid: u32; atime, mtime, ctime: u64 nanoseconds} |
 */

const TIME = 0x74
const MICROPYTHON_TIME = 1
const NUTTX_STAT = 0

/** The last moment that a `Date` can hold, in milliseconds. */
const LAST = 8_640_000_000_000_000

/** The modification time among the attributes; `undefined` where none is there, or none that can be. */
export function modificationTime(attributes: ReadonlyMap<number, Uint8Array>): Date | undefined {
  for (const [type, value] of attributes) {
    const time = decodeTime(type, value)
    if (time !== undefined) return time
  }
  return undefined
}

/** The time that one attribute says; `undefined` where it is no time. */
export function decodeTime(type: number, value: Uint8Array): Date | undefined {
  const ms = decodeMs(type, new DataView(value.buffer, value.byteOffset, value.byteLength))
  return ms !== undefined && Math.abs(ms) <= LAST ? new Date(ms) : undefined
}

function decodeMs(type: number, view: DataView): number | undefined {
  const length = view.byteLength
  if (type === TIME && length === 4) return view.getUint32(0, true) * 1000
  if (type === TIME && length === 8) return Number(view.getBigUint64(0, true)) * 1000
  if (type === TIME && length === 12) {
    return (
      view.getUint32(0, true) * 86_400_000 + Number(view.getBigUint64(4, true) / 1_000_000_000n)
    )
  }
  if (type === MICROPYTHON_TIME && length === 8) return nanosecondsToMs(view, 0)
  if (type === NUTTX_STAT && length === 40) return nanosecondsToMs(view, 24)
  return undefined
}

function nanosecondsToMs(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true) / 1_000_000n)
}

/** `2024-05-01 12:00:00`, in UTC: the same image reads the same on every machine. */
export function formatTime(time: Date): string {
  return time.toISOString().slice(0, -5).replace('T', ' ')
}
