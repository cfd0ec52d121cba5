/** Files as streams of the web: read when somebody wants more, written one piece after the other. */

import { decodeText, viewBytes } from './encoding.js'

export interface StreamRange {
  /** First byte; where not given, the handle's position. */
  readonly start?: number | undefined
  /** Last byte, inclusive as in Node. */
  readonly end?: number | undefined
  /** Bytes read at once. Default 64 KiB. */
  readonly highWaterMark?: number | undefined
  /** Closes the handle at the end. */
  readonly autoClose?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

const CHUNK_BYTES = 64 * 1024

/** The part of a `FileHandle` that streams use. */
interface StreamedFile {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ bytesRead: number }>
  write(
    data: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ bytesWritten: number }>
  close(): Promise<void>
}

/** @param file opened now, or when the stream is first read. */
export function readStream(
  file: StreamedFile | (() => Promise<StreamedFile>),
  { start, end, highWaterMark, autoClose, signal }: StreamRange,
): ReadableStream<Uint8Array> {
  const size = highWaterMark ?? CHUNK_BYTES
  let opened: StreamedFile | undefined
  let position = start ?? null
  let left = end === undefined ? Number.POSITIVE_INFINITY : end + 1 - (start ?? 0)
  const finish = async () => {
    if (autoClose === true) await opened?.close()
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          signal?.throwIfAborted()
          opened ??= typeof file === 'function' ? await file() : file
          const bytes = new Uint8Array(Math.max(0, Math.min(size, left)))
          const { bytesRead } = await opened.read(bytes, 0, bytes.length, position)
          left -= bytesRead
          if (position !== null) position += bytesRead
          if (bytesRead > 0) {
            controller.enqueue(bytes.subarray(0, bytesRead))
            return
          }
        } catch (error) {
          await finish().catch(() => {})
          throw error
        }
        await finish()
        controller.close()
      },
      cancel: finish,
    },
    { highWaterMark: 0 },
  )
}

export function writeStream(
  file: StreamedFile | (() => Promise<StreamedFile>),
  { start, autoClose }: StreamRange,
): WritableStream<Uint8Array | string> {
  const encoder = new TextEncoder()
  let opened: StreamedFile | undefined
  let position = start ?? null
  const open = async () => {
    opened ??= typeof file === 'function' ? await file() : file
    return opened
  }
  const finish = async () => {
    const handle = await open()
    if (autoClose === true) await handle.close()
  }
  return new WritableStream<Uint8Array | string>(
    {
      async write(chunk) {
        const bytes = typeof chunk === 'string' ? encoder.encode(chunk) : viewBytes(chunk)
        try {
          const handle = await open()
          await handle.write(bytes, 0, bytes.length, position)
        } catch (error) {
          if (autoClose === true) await opened?.close().catch(() => {})
          throw error
        }
        if (position !== null) position += bytes.length
      },
      close: finish,
      abort: finish,
    },
    { highWaterMark: 1 },
  )
}

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d

export async function* readLines(
  stream: ReadableStream<Uint8Array>,
  encoding = 'utf8',
): AsyncGenerator<string, void, void> {
  const reader = stream.getReader()
  let rest = new Uint8Array(0)
  const text = (line: Uint8Array) =>
    decodeText(line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line, encoding)
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const bytes = new Uint8Array(rest.length + part.value.length)
      bytes.set(rest)
      bytes.set(part.value, rest.length)
      let begin = 0
      for (let at = rest.length; at < bytes.length; at++) {
        if (bytes[at] !== NEWLINE) continue
        yield text(bytes.subarray(begin, at))
        begin = at + 1
      }
      rest = bytes.slice(begin)
    }
    if (rest.length > 0) yield text(rest)
  } finally {
    await reader.cancel()
  }
}
