/**
 * Requests to a web server: a bounded number at once, each with a time limit, made again where the
 * network failed or the server was busy, ended by a signal.
 */

import { CaravanError, DeviceError, type DeviceErrorCode } from '@caravan/core'
import { retryAfterMs } from './headers.js'

/** The part of the platform's `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface TransportSettings {
  readonly fetch: Fetch
  readonly headers: Readonly<Record<string, string>>
  /** Requests under way at once. */
  readonly concurrency: number
  /** How often a request is made again. */
  readonly retries: number
  /** Before the first of these; doubled each time. */
  readonly retryDelayMs: number
  /** For an answer with all of its bytes. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** One that may not happen again. */
export class TransientError extends DeviceError {
  constructor(
    code: DeviceErrorCode,
    message: string,
    details: { readonly path: string; readonly cause?: unknown },
    /** Milliseconds that the server asks for. */
    readonly pauseMs?: number,
  ) {
    super(code, message, { request: 'read', ...details })
  }
}

/** The longest that is waited because a server asks for it. */
const PAUSE_MAX_MS = 30_000

/** What a server says when the same request may be answered later. */
const TRANSIENT_STATUS: readonly number[] = [408, 425, 429, 500, 502, 503, 504]

export class Transport {
  requestCount = 0
  private underWay = 0
  private readonly waiting: (() => void)[] = []
  private readonly life = new AbortController()

  constructor(
    /** As errors name it. */
    private readonly name: string,
    private readonly settings: TransportSettings,
  ) {}

  /**
   * Asks until `use` has taken an answer.
   *
   * @param request is called for each attempt: what is asked for may have become less.
   * @throws DeviceError; what `use` throws, but for TransientError while there are attempts left.
   */
  async ask<T>(
    request: () => { readonly url: string; readonly method: string; readonly headers: HeadersInit },
    use: (response: Response) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.inTurn(() => this.once(request(), use))
      } catch (error) {
        if (!(error instanceof TransientError) || attempt >= this.settings.retries) throw error
        await this.pause(error.pauseMs ?? this.settings.retryDelayMs * 2 ** attempt)
      }
    }
  }

  /** Ends what is under way. */
  close(): void {
    this.life.abort()
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.underWay >= this.settings.concurrency) {
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    } else this.underWay++
    try {
      return await work()
    } finally {
      const next = this.waiting.shift()
      if (next === undefined) this.underWay--
      else next()
    }
  }

  private async once<T>(
    { url, method, headers }: ReturnType<Parameters<Transport['ask']>[0]>,
    use: (response: Response) => Promise<T>,
  ): Promise<T> {
    const { fetch, timeoutMs } = this.settings
    this.checkLife()
    const ending = new AbortController()
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      ending.abort()
    }, timeoutMs)
    const unlink = this.onEnd(() => ending.abort())
    try {
      this.requestCount++
      const init = { method, headers: { ...this.settings.headers, ...headers } }
      return await use(await fetch(url, { ...init, cache: 'no-store', signal: ending.signal }))
    } catch (error) {
      this.checkLife(error)
      if (error instanceof CaravanError) throw error
      if (isLate) throw this.lateError()
      throw this.networkError(error)
    } finally {
      clearTimeout(timer)
      unlink()
      // What of an answer was not read is not wanted.
      ending.abort()
    }
  }

  private async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const unlink = this.onEnd(done)
      const timer = setTimeout(done, Math.min(ms, PAUSE_MAX_MS))
      function done() {
        clearTimeout(timer)
        unlink()
        resolve()
      }
    })
    this.checkLife()
  }

  /** Calls back when nothing is wanted any more; the answer takes that back. */
  private onEnd(callback: () => void): () => void {
    const signals = [this.life.signal, this.settings.signal]
    for (const signal of signals) signal?.addEventListener('abort', callback, { once: true })
    return () => {
      for (const signal of signals) signal?.removeEventListener('abort', callback)
    }
  }

  /** @throws DeviceError `CLOSED`, `ABORTED`. */
  checkLife(cause?: unknown): void {
    const details = { request: 'read', path: this.name, cause } as const
    if (this.life.signal.aborted) {
      throw new DeviceError(
        'CLOSED',
        `A read of ${this.name}, whose device was closed. Open it again.`,
        details,
      )
    }
    if (this.settings.signal?.aborted === true) {
      throw new DeviceError(
        'ABORTED',
        `Reading ${this.name} was ended by the signal that it was opened with.`,
        { ...details, cause: this.settings.signal.reason },
      )
    }
  }

  /** What an answer says that is neither bytes nor their absence. */
  statusError(response: Response): DeviceError {
    const { status, statusText } = response
    const path = this.name
    const said = `${this.name} was answered with ${status}${statusText === '' ? '' : ` ${statusText}`}`
    if (status === 404 || status === 410) {
      const message = `There is no ${this.name} (${status}). Check the address.`
      return new DeviceError('NOT_FOUND', message, { request: 'read', path })
    }
    if (TRANSIENT_STATUS.includes(status)) {
      const tries = this.settings.retries + 1
      const message = `${said}, ${tries} times. Try again when the server is well.`
      return new TransientError('IO', message, { path }, retryAfterMs(response.headers))
    }
    const advice =
      status === 401 || status === 403 || status === 407
        ? 'It asks who you are: give what it wants in the headers (Authorization), or another address.'
        : 'Check the address, and what the server serves there.'
    return new DeviceError('IO', `${said}. ${advice}`, { request: 'read', path })
  }

  private lateError(): TransientError {
    const { timeoutMs } = this.settings
    return new TransientError(
      'IO',
      `${this.name} gave no whole answer within ${timeoutMs} ms. Check the network, or allow more time (timeoutMs).`,
      { path: this.name },
    )
  }

  private networkError(error: unknown): TransientError {
    return new TransientError(
      'IO',
      `${this.name} cannot be reached: ${reasonOf(error)}. Check the address and the network.`,
      { path: this.name, cause: error },
    )
  }
}

/** `fetch` says little itself; in Node its cause says more. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  const code = 'code' in cause ? String(cause.code) : ''
  return cause.message === '' ? `${error.message} (${code})` : cause.message
}
