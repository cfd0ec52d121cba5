/**
 * An image on a web server as a device, for reading.
 *
 * 1. Bytes move in pages. Missing pages of a read that lie near each other come in one request,
 *    several requests run side by side, and a reader that goes on is read ahead for.
 * 2. Pages are kept up to a budget, the least recently used leaving first. A page that is under way
 *    is not asked for again.
 * 3. All bytes are of one version of the image (resource.ts).
 */

import {
  type Answer,
  type BlockDevice,
  checkSpans,
  DeviceError,
  type Geometry,
  MisuseError,
  type Span,
} from '@caravan/core'
import { type FlatLayout, layOut, relay } from '../flat.js'
import { PageCache } from './page-cache.js'
import { joinPages, type PageRun, pagesOf, ReadAhead } from './plan.js'
import { HttpResource } from './resource.js'
import type { Fetch } from './transport.js'

export interface HttpDeviceOptions {
  /** What is seen as a block, in bytes. Default 512. */
  readonly blockSize?: number
  /** Default: as many whole blocks as the resource holds. */
  readonly blockCount?: number
  /** Default: the platform's `fetch`. */
  readonly fetch?: Fetch
  /** Sent with every request: `Authorization`, say. Default none. */
  readonly headers?: Readonly<Record<string, string>>
  /** Ends all reads, once and for all. Default: never. */
  readonly signal?: AbortSignal
  /** What moves at least, in bytes. Default 8192. */
  readonly pageBytes?: number
  /** What is kept in memory, in bytes. Default 16 MiB. */
  readonly cacheBytes?: number
  /** Bytes between two missing pages for which one request is made instead of two. Default 16384. */
  readonly gapBytes?: number
  /** What is read ahead at most for a reader that goes on, in bytes. Default 262144. */
  readonly readAheadBytes?: number
  /** Requests under way at once. Default 6. */
  readonly concurrency?: number
  /** How often a request is made again that the network or a busy server failed. Default 3. */
  readonly retries?: number
  /** Milliseconds before the first of these, doubled each time. Default 250. */
  readonly retryDelayMs?: number
  /** Milliseconds that an answer may take. Default 30000. */
  readonly timeoutMs?: number
  /**
   * An image of up to so many bytes is loaded whole where the server knows no ranges. Default 0: it
   * is refused.
   */
  readonly wholeMaxBytes?: number
}

const DEFAULTS = {
  pageBytes: 8192,
  cacheBytes: 16 * 1024 * 1024,
  gapBytes: 16 * 1024,
  readAheadBytes: 256 * 1024,
  concurrency: 6,
  retries: 3,
  retryDelayMs: 250,
  timeoutMs: 30_000,
  wholeMaxBytes: 0,
}

/** What one request may bring: a larger read is several, side by side. */
const RUN_MAX_BYTES = 4 * 1024 * 1024

/** What all views of one device share. */
class Pages {
  private readonly cache: PageCache
  private readonly underWay = new Map<number, Promise<Uint8Array>>()
  private readonly ahead: ReadAhead
  transferredBytes = 0

  constructor(
    readonly address: string,
    readonly resource: HttpResource,
    private readonly settings: typeof DEFAULTS,
  ) {
    const { pageBytes, cacheBytes, readAheadBytes } = settings
    this.cache = new PageCache(cacheBytes)
    this.ahead = new ReadAhead(Math.floor(readAheadBytes / pageBytes))
    this.transferredBytes = resource.head.length
    for (let at = 0; at < resource.head.length; at += pageBytes) {
      const isWhole = Math.min(at + pageBytes, resource.sizeBytes) <= resource.head.length
      if (isWhole) this.cache.put(at / pageBytes, resource.head.slice(at, at + pageBytes))
    }
  }

  /** True where all of it is in memory, the server knowing no ranges. */
  get isWhole(): boolean {
    return this.resource.head.length === this.resource.sizeBytes
  }

  read(spans: readonly Span[], blockSize: number): Answer {
    this.resource.checkLife()
    if (this.isWhole) return copyFrom(this.resource.head, spans, blockSize)
    const pages = pagesOf(spans, blockSize, this.settings.pageBytes)
    const held = new Map<number, Uint8Array>()
    for (const page of pages) {
      const bytes = this.cache.get(page)
      if (bytes !== undefined) held.set(page, bytes)
    }
    const missing = pages.filter((page) => !held.has(page))
    if (missing.length === 0) return this.copy(held, spans, blockSize)
    return this.readLater(spans, blockSize, held, missing)
  }

  private async readLater(
    spans: readonly Span[],
    blockSize: number,
    held: Map<number, Uint8Array>,
    missing: readonly number[],
  ): Promise<void> {
    this.fetch(missing.filter((page) => !this.underWay.has(page)))
    const coming = missing.map(async (page) => {
      held.set(page, await (this.underWay.get(page) as Promise<Uint8Array>))
    })
    await Promise.all(coming)
    this.copy(held, spans, blockSize)
  }

  /** Sets out to get pages, ascending; each is `underWay` from then on. */
  private fetch(pages: readonly number[]): void {
    const [first] = pages
    if (first === undefined) return
    const { pageBytes, gapBytes } = this.settings
    const runs = joinPages(pages, {
      gapMax: Math.floor(gapBytes / pageBytes),
      countMax: Math.max(1, Math.floor(RUN_MAX_BYTES / pageBytes)),
    })
    const last = pages[pages.length - 1] as number
    const ahead = this.ahead.after(first, last)
    for (const run of runs) {
      const isLast = run.first + run.count - 1 === last
      this.fetchRun(isLast ? this.extend(run, ahead) : run)
    }
  }

  /** A run with pages behind it, as far as there are any and they are not here yet. */
  private extend({ first, count }: PageRun, ahead: number): PageRun {
    const end = Math.ceil(this.resource.sizeBytes / this.settings.pageBytes)
    let longer = count
    for (let page = first + count; page < end && longer < count + ahead; page++, longer++) {
      if (this.cache.has(page) || this.underWay.has(page)) break
    }
    return { first, count: longer }
  }

  private fetchRun({ first, count }: PageRun): void {
    const { pageBytes } = this.settings
    const start = first * pageBytes
    const end = Math.min(start + count * pageBytes, this.resource.sizeBytes)
    const fetched = this.resource.fetchRange(start, end)
    for (let i = 0; i < count; i++) {
      const page = first + i
      // What lies between may be here already.
      if (this.underWay.has(page)) continue
      const coming = this.arrive(fetched, page, i * pageBytes)
      this.underWay.set(page, coming)
      // Nobody may be waiting for it: who is, is told.
      coming.catch(() => {})
    }
    fetched.then(
      ({ length }) => {
        this.transferredBytes += length
      },
      () => {},
    )
  }

  private async arrive(fetched: Promise<Uint8Array>, page: number, at: number) {
    try {
      const bytes = await fetched
      // A copy: a piece of the run would keep all of the run in memory.
      const own = bytes.slice(at, at + this.settings.pageBytes)
      this.cache.put(page, own)
      return own
    } finally {
      this.underWay.delete(page)
    }
  }

  private copy(
    held: ReadonlyMap<number, Uint8Array>,
    spans: readonly Span[],
    blockSize: number,
  ): void {
    const { pageBytes } = this.settings
    for (const { block, offset, bytes } of spans) {
      for (let done = 0; done < bytes.length; ) {
        const at = block * blockSize + offset + done
        const page = held.get(Math.floor(at / pageBytes)) as Uint8Array
        const piece = page.subarray(at % pageBytes, (at % pageBytes) + bytes.length - done)
        bytes.set(piece, done)
        done += piece.length
      }
    }
  }

  close(): void {
    this.resource.close()
    this.cache.clear()
  }
}

/** Answers with promises, and at once where all that is asked for is in memory. */
export class HttpDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly = true
  readonly isRemote = true

  private constructor(
    private readonly pages: Pages,
    private readonly layout: FlatLayout,
  ) {
    this.geometry = layout.geometry
  }

  /**
   * Opens the resource at an `http:` or `https:` address. A name and password in it go into the
   * headers, and into no message.
   *
   * @throws DeviceError `NOT_FOUND`, `NO_RANGES` (the server does not give out ranges of bytes),
   *   `ABORTED`, `IO`; MisuseError `INVALID_ARGUMENT`.
   */
  static async open(address: string | URL, options: HttpDeviceOptions = {}): Promise<HttpDevice> {
    const { blockSize, blockCount, fetch = globalThis.fetch, signal, headers, ...sizes } = options
    const settings = settingsOf(sizes)
    // For its checks alone: a mistake should show before anything is asked for.
    layOut(blockSize === undefined ? {} : { blockSize }, 0)
    const { url, authorization } = parseAddress(address)
    const resource = await HttpResource.open(url, settings.pageBytes, {
      ...settings,
      // Browsers want it called on the window.
      fetch: (to, init) => fetch(to, init),
      headers: { ...authorization, ...headers },
      signal,
    })
    const layout = {
      ...(blockSize === undefined ? {} : { blockSize }),
      ...(blockCount === undefined ? {} : { blockCount }),
    }
    return new HttpDevice(new Pages(url, resource, settings), layOut(layout, resource.sizeBytes))
  }

  /** Requests made so far, those made again included. */
  get requestCount(): number {
    return this.pages.resource.requestCount
  }

  /** Bytes of the image that came over the network so far. */
  get transferredBytes(): number {
    return this.pages.transferredBytes
  }

  /** Bytes of the whole resource. */
  get sizeBytes(): number {
    return this.pages.resource.sizeBytes
  }

  /** True where the image came as one, be it that it is small or that the server knows no ranges. */
  get isWhole(): boolean {
    return this.pages.isWhole
  }

  /**
   * @throws DeviceError `OUT_OF_RANGE`, `CLOSED`; rejects also with `CHANGED` (the image on the
   *   server is another one now), `SHORT_TRANSFER`, `NO_RANGES`, `NOT_FOUND`, `ABORTED`, `IO`.
   */
  read(spans: readonly Span[]): Answer {
    checkSpans(this.geometry, 'read', spans)
    return this.pages.read(spans, this.geometry.blockSize)
  }

  /** @throws DeviceError `READ_ONLY`. */
  prog(): never {
    throw this.readOnlyError('prog')
  }

  /** @throws DeviceError `READ_ONLY`. */
  erase(): never {
    throw this.readOnlyError('erase')
  }

  sync(): void {
    this.pages.resource.checkLife()
  }

  /** Ends what is under way, for all views of the device. */
  close(): void {
    this.pages.close()
  }

  /**
   * The same bytes in blocks of another size, sharing the life of this device.
   *
   * @throws MisuseError `INVALID_ARGUMENT` for what is no size.
   */
  withBlockSize(blockSize: number): HttpDevice {
    return new HttpDevice(this.pages, relay(this.layout, blockSize))
  }

  private readOnlyError(request: 'prog' | 'erase'): DeviceError {
    const path = this.pages.address
    return new DeviceError(
      'READ_ONLY',
      `${path} is on a web server, and takes no ${request}. Download it to change it.`,
      { request, path },
    )
  }
}

function copyFrom(image: Uint8Array, spans: readonly Span[], blockSize: number): void {
  for (const { block, offset, bytes } of spans) {
    const at = block * blockSize + offset
    bytes.set(image.subarray(at, at + bytes.length))
  }
}

/** @throws MisuseError `INVALID_ARGUMENT`. */
function settingsOf(given: Partial<typeof DEFAULTS>): typeof DEFAULTS {
  const settings = { ...DEFAULTS, ...given }
  for (const [name, value] of Object.entries(settings)) {
    const lowest = name === 'pageBytes' || name === 'concurrency' ? 1 : 0
    if (Number.isSafeInteger(value) && value >= lowest) continue
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `${name} is ${value}: give a whole number of ${lowest} or more.`,
    )
  }
  return settings
}

/** @throws MisuseError `INVALID_ARGUMENT` for what is no address of the web. */
function parseAddress(address: string | URL): {
  readonly url: string
  readonly authorization: Record<string, string>
} {
  if (!URL.canParse(address)) {
    throw new MisuseError('INVALID_ARGUMENT', `'${address}' is no address: write https://...`)
  }
  const url = new URL(address)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `'${url.protocol}' is not read from here: give an http: or https: address.`,
    )
  }
  if (url.username === '' && url.password === '') return { url: url.href, authorization: {} }
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  const bytes = new TextEncoder().encode(pair)
  url.username = ''
  url.password = ''
  return { url: url.href, authorization: { Authorization: `Basic ${btoa(latin1(bytes))}` } }
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}
