/**
 * A resource of a web server, read by ranges of bytes.
 *
 * 1. Bytes are given out only where the answer says that it holds exactly those that were asked for,
 *    of the version that was opened: Content-Range, ETag, Last-Modified and length of each answer.
 * 2. An answer that breaks off is gone on with where it stopped.
 *
 * Source: RFC 9110, section 14 (range requests), 13.1.5 (If-Range), 8.8 (validators).
 */

import { DeviceError, type DeviceErrorCode } from '@caravan/core'
import {
  type ContentRange,
  contentEncoding,
  contentLength,
  differenceOf,
  parseContentRange,
  strongValidator,
  type Version,
  versionOf,
} from './headers.js'
import { TransientError, Transport, type TransportSettings } from './transport.js'

interface ResourceSettings extends TransportSettings {
  /** Bytes that are loaded whole from a server that knows no ranges; 0 for none. */
  readonly wholeMaxBytes: number
}

/** What was found when it was opened. */
interface Found {
  /** Where redirects led to. */
  readonly url: string
  readonly sizeBytes: number
  readonly version: Version
  /** From the beginning: some bytes, or all. */
  readonly head: Uint8Array
}

/** Answers of less than was asked for, in one read, before the server is given up. */
const SHORT_ANSWERS_MAX = 64

export class HttpResource {
  readonly sizeBytes: number
  /** From the beginning: some bytes, or all where the server knows no ranges. */
  readonly head: Uint8Array
  private url: string
  private readonly version: Version

  private constructor(
    private readonly address: string,
    private readonly transport: Transport,
    found: Found,
  ) {
    this.sizeBytes = found.sizeBytes
    this.head = found.head
    this.url = found.url
    this.version = found.version
  }

  /**
   * Asks for the first bytes, which tells whether there are ranges, and how many bytes there are.
   *
   * @throws DeviceError `NOT_FOUND`, `NO_RANGES`, `ABORTED`, `IO`.
   */
  static async open(
    address: string,
    headBytes: number,
    settings: ResourceSettings,
  ): Promise<HttpResource> {
    const transport = new Transport(address, settings)
    const request = () => ({ url: address, method: 'GET', headers: rangeHeaders(0, headBytes) })
    const found = await transport.ask(request, (response) =>
      new Opening(address, transport, settings.wholeMaxBytes).take(response, headBytes),
    )
    const sizeBytes = found.sizeBytes ?? (await askSize(address, transport))
    return new HttpResource(address, transport, { ...found, sizeBytes })
  }

  get requestCount(): number {
    return this.transport.requestCount
  }

  close(): void {
    this.transport.close()
  }

  /** @throws DeviceError `CLOSED`, `ABORTED`. */
  checkLife(): void {
    this.transport.checkLife()
  }

  /**
   * The bytes from `start` up to `end`.
   *
   * @throws DeviceError `CHANGED`, `NO_RANGES`, `SHORT_TRANSFER`, `NOT_FOUND`, `CLOSED`, `ABORTED`,
   *   `IO`.
   */
  async fetchRange(start: number, end: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(end - start)
    let done = 0
    for (let answers = 0; done < bytes.length; answers++) {
      if (answers > SHORT_ANSWERS_MAX) {
        throw this.error('IO', 'is given out in pieces too small to be read. Try another server.')
      }
      await this.transport.ask(
        () => ({ url: this.url, method: 'GET', headers: this.rangeHeaders(start + done, end) }),
        async (response) => {
          const { length } = this.checkAnswer(response, start + done, end)
          const target = bytes.subarray(done, done + length)
          const received = await readInto(response, target, (count) => {
            done += count
          })
          if (received === 'more') throw this.error('IO', `sent more than it announced. ${ADVICE}`)
          if (received === 'less') throw this.shortError(start, end, done)
        },
      )
    }
    return bytes
  }

  /** @returns the bytes that the answer holds, at most up to `end`. */
  private checkAnswer(response: Response, start: number, end: number): { length: number } {
    const { status, headers } = response
    const isAnswer = status === 206 || status === 200 || status === 416
    if (!isAnswer) {
      if (this.url !== this.address && status >= 400 && status < 500) {
        // What a redirect has led to may have been good for a time alone.
        this.url = this.address
        throw new TransientError('IO', this.transport.statusError(response).message, {
          path: this.address,
        })
      }
      throw this.transport.statusError(response)
    }
    const differing = differenceOf(this.version, versionOf(headers))
    if (differing !== undefined) throw this.changedError(`it has another ${differing} now`)
    const range = parseContentRange(headers.get('content-range'))
    const total = range?.total ?? (status === 200 ? contentLength(headers) : undefined)
    if (total !== undefined && total !== this.sizeBytes) {
      throw this.changedError(`it had ${this.sizeBytes} bytes, and has ${total} now`)
    }
    if (status === 416) throw this.changedError(`it has no bytes from ${start} on any more`)
    // With If-Range this is how a server says that the version is another one.
    if (status === 200) {
      const sent = strongValidator(this.version) !== undefined
      throw sent && this.sendsIfRange
        ? this.changedError('the server sends all of it instead of the rest')
        : this.error('NO_RANGES', `is not given out by ranges any more. ${ADVICE}`)
    }
    const encoding = contentEncoding(headers)
    if (encoding !== undefined) throw encodedError(this.address, encoding)
    return { length: this.checkRange(range, start, end, response) }
  }

  private checkRange(
    range: ContentRange | undefined,
    start: number,
    end: number,
    { headers }: Response,
  ): number {
    // A browser hides it from pages of another origin, unless the server allows them to see it.
    if (range === undefined && headers.get('content-range') === null) return end - start
    const first = range?.start
    const last = range?.end
    if (first !== start || last === undefined || last > end) {
      const said = headers.get('content-range')
      throw this.error(
        'IO',
        `was asked for the bytes ${start}-${end - 1} and answered with '${said}'. ${ADVICE}`,
      )
    }
    return last - start
  }

  private rangeHeaders(start: number, end: number): Record<string, string> {
    const validator = strongValidator(this.version)
    const ifRange = validator !== undefined && this.sendsIfRange ? { 'If-Range': validator } : {}
    return { ...rangeHeaders(start, end), ...ifRange }
  }

  /**
   * From a page of another origin this header would cost a question more each time, which most
   * servers answer with no; what comes is compared in any case.
   */
  private get sendsIfRange(): boolean {
    return typeof location === 'undefined' || new URL(this.url).origin === location.origin
  }

  private error(code: DeviceErrorCode, said: string): DeviceError {
    return new DeviceError(code, `${this.address} ${said}`, { request: 'read', path: this.address })
  }

  private changedError(what: string): DeviceError {
    return this.error(
      'CHANGED',
      `was changed while it was read: ${what}. Open it again; what was read before is of the old one.`,
    )
  }

  private shortError(start: number, end: number, done: number): TransientError {
    return new TransientError(
      'SHORT_TRANSFER',
      `${this.address} broke off after ${done} of the ${end - start} bytes from ${start} on. Check the network and the server.`,
      { path: this.address },
    )
  }
}

const ADVICE = 'Use another server, or download the whole image first.'

function rangeHeaders(start: number, end: number): Record<string, string> {
  // Ranges of a packed content are no ranges of the image; browsers refuse to be told, and do it.
  return { Range: `bytes=${start}-${end - 1}`, 'Accept-Encoding': 'identity' }
}

/** The first answer: what it says of the resource. */
class Opening {
  constructor(
    private readonly address: string,
    private readonly transport: Transport,
    private readonly wholeMaxBytes: number,
  ) {}

  async take(
    response: Response,
    headBytes: number,
  ): Promise<Omit<Found, 'sizeBytes'> & { readonly sizeBytes: number | undefined }> {
    const { status, headers } = response
    const url = response.url === '' ? this.address : response.url
    const version = versionOf(headers)
    const range = parseContentRange(headers.get('content-range'))
    if (status === 416 && range?.total === 0) {
      return { url, version, sizeBytes: 0, head: new Uint8Array(0) }
    }
    if (status !== 200 && status !== 206) throw this.transport.statusError(response)
    const encoding = contentEncoding(headers)
    if (encoding !== undefined) throw encodedError(this.address, encoding)
    if (status === 200) {
      const head = await this.takeWhole(response, headBytes)
      return { url, version, sizeBytes: head.length, head }
    }
    const isHidden = headers.get('content-range') === null
    if (!isHidden && (range?.start !== 0 || (range.end ?? 0) > headBytes)) {
      const said = headers.get('content-range')
      throw this.error('IO', `was asked for its first bytes and answered with '${said}'. ${ADVICE}`)
    }
    const head = new Uint8Array(range?.end ?? headBytes)
    let length = 0
    const received = await readInto(response, head, (count) => {
      length += count
    })
    if (received === 'more') throw this.error('IO', `sent more than it announced. ${ADVICE}`)
    if (received === 'less' && !isHidden) throw this.shortError()
    return { url, version, sizeBytes: range?.total, head: head.subarray(0, length) }
  }

  /** All of it, where that is little. */
  private async takeWhole(response: Response, headBytes: number): Promise<Uint8Array> {
    const max = Math.max(headBytes, this.wholeMaxBytes)
    const announced = contentLength(response.headers)
    if (announced === undefined || announced > max) {
      const size = announced === undefined ? '' : ` of its ${announced} bytes`
      throw this.error(
        'NO_RANGES',
        `is not given out by ranges: asked for the first ${headBytes}${size}, the server sends all. ${ADVICE}`,
      )
    }
    const whole = new Uint8Array(announced)
    const received = await readInto(response, whole, () => {})
    if (received === 'more') throw this.error('IO', `sent more than it announced. ${ADVICE}`)
    if (received === 'less') throw this.shortError()
    return whole
  }

  private shortError(): TransientError {
    const message = `${this.address} broke off. Check the network and the server.`
    return new TransientError('SHORT_TRANSFER', message, { path: this.address })
  }

  private error(code: DeviceErrorCode, said: string): DeviceError {
    return new DeviceError(code, `${this.address} ${said}`, { request: 'open', path: this.address })
  }
}

/** The size of a resource whose answers do not say it, or not to this page. */
async function askSize(address: string, transport: Transport): Promise<number> {
  return transport.ask(
    () => ({ url: address, method: 'HEAD', headers: { 'Accept-Encoding': 'identity' } }),
    async (response) => {
      if (response.status !== 200) throw transport.statusError(response)
      const sizeBytes = contentLength(response.headers)
      if (sizeBytes !== undefined && contentEncoding(response.headers) === undefined) {
        return sizeBytes
      }
      throw new DeviceError(
        'NO_RANGES',
        `The server does not say how many bytes ${address} has. ${ADVICE}`,
        { request: 'open', path: address },
      )
    },
  )
}

function encodedError(address: string, encoding: string): DeviceError {
  return new DeviceError(
    'NO_RANGES',
    `${address} is sent packed (Content-Encoding: ${encoding}), so that its ranges are not those of the image. Have the server send it as it is.`,
    { request: 'read', path: address },
  )
}

/**
 * Reads a body into a buffer, told of every piece.
 *
 * @returns whether the body was as long as the buffer.
 */
async function readInto(
  { body }: Response,
  target: Uint8Array,
  onPiece: (count: number) => void,
): Promise<'whole' | 'less' | 'more'> {
  let done = 0
  const reader = body?.getReader()
  for (;;) {
    const { value } = (await reader?.read()) ?? { value: undefined }
    if (value === undefined) return done === target.length ? 'whole' : 'less'
    if (done + value.length > target.length) return 'more'
    target.set(value, done)
    done += value.length
    onPiece(value.length)
  }
}
