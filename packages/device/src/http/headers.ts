/** The headers of an answer that say which bytes came, and of what. RFC 9110, section 14 and 8.8. */

/** `Content-Range`: `bytes 0-99/1000`, `bytes 0-99/*`, and of a refusal an asterisk for the range. */
export interface ContentRange {
  /** `undefined` in a refusal. */
  readonly start: number | undefined
  /** Behind the last byte. */
  readonly end: number | undefined
  /** Bytes of the whole; `undefined` where the server does not say. */
  readonly total: number | undefined
}

/** `undefined` where there is none, or one that cannot be read. */
export function parseContentRange(header: string | null): ContentRange | undefined {
  const match = /^bytes\s+(?:(\d+)-(\d+)|\*)\/(\d+|\*)$/i.exec(header?.trim() ?? '')
  if (match === null) return undefined
  const [, first, last, whole] = match
  const start = first === undefined ? undefined : Number(first)
  const end = last === undefined ? undefined : Number(last) + 1
  const total = whole === '*' ? undefined : Number(whole)
  const numbers = [start, end, total].filter((each) => each !== undefined)
  if (!numbers.every(Number.isSafeInteger)) return undefined
  if (start !== undefined && end !== undefined && start >= end) return undefined
  if (end !== undefined && total !== undefined && end > total) return undefined
  return { start, end, total }
}

/** What tells one version of a resource from another. */
export interface Version {
  readonly etag: string | undefined
  readonly lastModified: string | undefined
}

export function versionOf(headers: Headers): Version {
  return {
    etag: headers.get('etag') ?? undefined,
    lastModified: headers.get('last-modified') ?? undefined,
  }
}

/** The header by which two versions differ; `undefined` where none says so. */
export function differenceOf(before: Version, now: Version): 'ETag' | 'Last-Modified' | undefined {
  if (before.etag !== undefined && now.etag !== undefined) {
    return before.etag === now.etag ? undefined : 'ETag'
  }
  if (before.lastModified === undefined || now.lastModified === undefined) return undefined
  return before.lastModified === now.lastModified ? undefined : 'Last-Modified'
}

/** For `If-Range`, which takes no weak tags. */
export function strongValidator({ etag, lastModified }: Version): string | undefined {
  if (etag !== undefined) return etag.startsWith('W/') ? undefined : etag
  return lastModified
}

/** `undefined` where it is none, or is that of an encoded content. */
export function contentLength(headers: Headers): number | undefined {
  const text = headers.get('content-length')
  const length = text === null || !/^\d+$/.test(text) ? Number.NaN : Number(text)
  return Number.isSafeInteger(length) ? length : undefined
}

/** How the content is packed; `undefined` for not at all. */
export function contentEncoding(headers: Headers): string | undefined {
  const encoding = headers.get('content-encoding')?.trim().toLowerCase()
  return encoding === undefined || encoding === '' || encoding === 'identity' ? undefined : encoding
}

/** Milliseconds that a server asks to be left alone; `undefined` where it says nothing of use. */
export function retryAfterMs(headers: Headers): number | undefined {
  const text = headers.get('retry-after')
  return text !== null && /^\d+$/.test(text) ? Number(text) * 1000 : undefined
}
