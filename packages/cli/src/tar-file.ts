/**
 * Trees as tar archives: with times, and with attributes in pax headers, as libarchive has extended
 * attributes of files: `LIBARCHIVE.xattr.user.littlefs.0x74`, in base64.
 *
 * 1. The same tree gives the same archive: no owner, permissions of the format or 0644 and 0755, and
 *    where nothing is known of a time, `SOURCE_DATE_EPOCH` or 1970.
 * 2. A name in an archive never leads out of the tree: `..` is refused, a slash at the beginning is
 *    nothing.
 */

import { gunzipSync } from 'node:zlib'
import { createTarPacker, type ParsedTarEntryWithData, type TarHeader, unpackTar } from 'modern-tar'
import { pathKey } from './compared-tree.js'
import type { WalkedEntry } from './entries.js'
import { checkInterrupted, HostError } from './errors.js'
import type { ImageTree } from './formats/format.js'
import type { HostEntry, HostProblem, HostTree, HostTreeOptions } from './host-tree.js'
import { applyMetadata } from './metadata-file.js'
import { decodeUtf8, encodeUtf8 } from './names.js'

const ATTRIBUTE_PREFIX = 'LIBARCHIVE.xattr.user.littlefs.'

/**
 * What is in an archive, for the root of an image. Gzip'd ones are taken too.
 *
 * @throws HostError for what is no tar archive, or cut short.
 */
export async function readTar(bytes: Uint8Array, options: HostTreeOptions): Promise<HostTree> {
  let found: ParsedTarEntryWithData[]
  try {
    const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes
    refuseSparse(plain)
    found = await unpackTar(plain, { strict: true })
  } catch (error) {
    if (error instanceof HostError || !(error instanceof Error)) throw error
    throw new HostError(
      'EINVAL',
      `no whole tar archive: ${error.message.replace(/\.$/, '')}. Make one with: tar -c -C DIR . | caravan create --size 1M - IMAGE`,
    )
  }
  return new TarTree(options).read(found)
}

/** The library takes them for empty files. */
function refuseSparse(bytes: Uint8Array): void {
  for (let at = 0; at + 512 <= bytes.length; ) {
    const header = Buffer.from(bytes.buffer, bytes.byteOffset + at, 512)
    if (header[156] === 0x53) throw sparse()
    const digits = header.toString('latin1', 124, 136)
    const size = Number.parseInt(digits.replaceAll('\0', ' ').trim() || '0', 8)
    // Sizes of 8 GiB and more are in another notation: nothing that fits in memory.
    if (!Number.isSafeInteger(size)) return
    at += 512 + Math.ceil(size / 512) * 512
  }
}

function sparse(): HostError {
  return new HostError('ENOTSUP', 'it has sparse files, which are not read. Make it without -S.')
}

class TarTree {
  /** By `pathKey`; what comes later replaces what came before. */
  private readonly entries = new Map<string, HostEntry>()
  private readonly problems: HostTree['problems'] = []

  constructor(private readonly options: HostTreeOptions) {}

  read(found: readonly ParsedTarEntryWithData[]): HostTree {
    for (const { header, data } of found) {
      checkInterrupted(this.options.signal)
      this.add(header, data ?? new Uint8Array(0))
    }
    // Directories on the way are made as needed, so that the order does not matter.
    const entries = [...this.entries].sort(([a], [b]) => (sortable(a) < sortable(b) ? -1 : 1))
    return { entries: entries.map(([, entry]) => entry), problems: this.problems }
  }

  private add(header: TarHeader, data: Uint8Array): void {
    if (Object.keys(header.pax ?? {}).some((key) => key.startsWith('GNU.sparse'))) throw sparse()
    const made = this.entryOf(header, data)
    if (made === undefined) return
    if ('reason' in made) this.problems.push(made)
    else this.entries.set(pathKey(made.path), made)
  }

  /** `undefined` for what is left out, or is there anyway. */
  private entryOf(header: TarHeader, data: Uint8Array): HostEntry | HostProblem | undefined {
    const host = Buffer.from(header.name)
    const path = pathOf(header.name)
    const unreadable = (reason: string): HostProblem => ({ host, reason, kind: 'unreadable' })
    if (path === undefined) return unreadable("its name leads out of the archive ('..')")
    if (header.name.includes('\ufffd')) return unreadable('its name is not UTF-8')
    const { holds, name } = this.options.format
    const isTop = path.length === 1
    const isDirectory = header.type === 'directory'
    if (!isTop && this.options.ignored?.match(path, isDirectory) === true) return undefined
    const attributes = attributesIn(header)
    const described = (entry: HostEntry) =>
      attributes === undefined ? entry : applyMetadata(entry, { attributes }, holds)
    const base = { path, host, ...this.timeOf(header), ...modeOf(header, holds.modes) }
    if (isDirectory) {
      const directory = described({ ...base, type: 'directory', size: 0 })
      // The root is there anyway; only what it has besides is worth an entry.
      return isTop && directory.attributes === undefined ? undefined : directory
    }
    if (isTop) return undefined
    if (header.type === 'file') return described(this.fileOf(base, data))
    if (header.type === 'symlink' && holds.symlinks) {
      const target = encodeUtf8(header.linkname ?? '')
      return described({ ...base, type: 'symlink', target, size: target.length })
    }
    if (header.type !== 'link') {
      return {
        host,
        reason: `it is ${inWords(header)}, which ${name} cannot hold`,
        kind: 'unsupported',
      }
    }
    const original = this.entries.get(pathKey(pathOf(header.linkname ?? '') ?? path))
    if (original?.content !== undefined) return { ...original, path, host }
    return unreadable(`it is a link to ${header.linkname}, which is not in the archive`)
  }

  private fileOf(base: Pick<HostEntry, 'path' | 'host'>, data: Uint8Array): HostEntry {
    const { onPiece } = this.options
    const content = {
      *[Symbol.iterator]() {
        yield data
        onPiece?.(data.length, base.path)
      },
    }
    return { ...base, type: 'file', size: data.length, content }
  }

  private timeOf({ mtime }: TarHeader): { mtime?: number } {
    const { time, latestSeconds = Number.POSITIVE_INFINITY } = this.options
    if (time === 'none') return {}
    if (time !== 'file') return { mtime: time.seconds }
    if (mtime === undefined) return {}
    return { mtime: Math.max(0, Math.min(Math.floor(mtime.getTime() / 1000), latestSeconds)) }
  }
}

function sortable(key: string): string {
  return key.replaceAll('/', '\0')
}

/** From the root; `undefined` for one that leads out of it. */
function pathOf(name: string): Uint8Array | undefined {
  const names = name.split('/').filter((each) => each !== '' && each !== '.')
  return names.includes('..') ? undefined : encodeUtf8(`/${names.join('/')}`)
}

function modeOf({ mode }: TarHeader, holdsModes: boolean): { mode?: number } {
  return holdsModes && mode !== undefined ? { mode: mode & 0o777 } : {}
}

function attributesIn({ pax = {} }: TarHeader): Map<number, Uint8Array> | undefined {
  const attributes = new Map<number, Uint8Array>()
  for (const [key, value] of Object.entries(pax)) {
    const type = key.startsWith(ATTRIBUTE_PREFIX) ? key.slice(ATTRIBUTE_PREFIX.length) : ''
    if (/^0x[0-9a-f]{2}$/.test(type)) attributes.set(Number(type), Buffer.from(value, 'base64'))
  }
  return attributes.size === 0 ? undefined : attributes
}

function inWords({ type }: TarHeader): string {
  if (type === 'symlink') return 'a symbolic link'
  return type === 'fifo' ? 'a named pipe' : 'a device'
}

interface TarOptions {
  /** For entries of which no time is known. */
  readonly timeDefault: Date
  readonly signal: AbortSignal
  /** Told of an entry that the archive does not get. */
  readonly onFailure: (entry: WalkedEntry, error: unknown) => Promise<void>
}

/**
 * An archive of what is below a directory of an image, piece by piece; of a file that alone.
 *
 * @param entries of a walk that began there.
 */
export async function* writeTar(
  tree: Pick<ImageTree, 'read'>,
  entries: readonly WalkedEntry[],
  options: TarOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const { readable, controller } = createTarPacker()
  const filling = fill(tree, entries, controller, options).catch((error: unknown) => {
    controller.error(error)
  })
  const reader = readable.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    yield value
  }
  await filling
}

async function fill(
  tree: Pick<ImageTree, 'read'>,
  entries: readonly WalkedEntry[],
  controller: ReturnType<typeof createTarPacker>['controller'],
  { timeDefault, signal, onFailure }: TarOptions,
): Promise<void> {
  const top = entries[0]?.path ?? new Uint8Array(0)
  for (const entry of entries) {
    checkInterrupted(signal)
    try {
      if (entry.error !== undefined) throw entry.error
      const content = entry.type === 'file' ? await readWhole(tree, entry) : undefined
      const header = headerOf(entry, nameIn(entry, top), content, timeDefault)
      if (header === undefined) continue
      const writer = controller.add(header).getWriter()
      if (content !== undefined) await writer.write(content)
      await writer.close()
    } catch (error) {
      checkInterrupted(signal)
      await onFailure(entry, error)
    }
  }
  controller.finalize()
}

/** Before its header, which says its size: what cannot be read must not be half there. */
async function readWhole(tree: Pick<ImageTree, 'read'>, { walked }: WalkedEntry): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of tree.read(walked)) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** @throws HostError for a name that is not UTF-8, as those of pax headers are. */
function nameIn({ path, name, depth }: WalkedEntry, top: Uint8Array): string {
  const below = depth === 0 ? name : path.subarray(top.length === 1 ? 1 : top.length + 1)
  const text = decodeUtf8(below)
  if (text !== undefined) return text
  throw new HostError(
    'EILSEQ',
    'a tar archive cannot hold a name that is not UTF-8. It is left out.',
  )
}

/** `undefined` for the directory itself where there is nothing to say of it. */
function headerOf(
  { type, depth, mode, modified, attributes = new Map(), target }: WalkedEntry,
  name: string,
  content: Uint8Array | undefined,
  timeDefault: Date,
): TarHeader | undefined {
  const pax: Record<string, string> = {}
  for (const [number, value] of attributes) {
    const key = `${ATTRIBUTE_PREFIX}0x${number.toString(16).padStart(2, '0')}`
    pax[key] = Buffer.from(value).toString('base64')
  }
  const mtime = modified ?? timeDefault
  if (mtime.getTime() % 1000 !== 0 || mtime.getTime() < 0)
    pax.mtime = String(mtime.getTime() / 1000)
  const common = { mtime, ...(Object.keys(pax).length === 0 ? {} : { pax }) }
  if (type === 'directory' || type === 'submodule') {
    if (depth === 0 && attributes.size === 0) return undefined
    const path = depth === 0 ? './' : `${name}/`
    return { ...common, name: path, size: 0, type: 'directory', mode: mode ?? 0o755 }
  }
  if (target !== undefined) {
    const linkname = decodeUtf8(target)
    if (linkname === undefined) {
      throw new HostError(
        'EILSEQ',
        'a tar archive cannot hold where this link leads. It is left out.',
      )
    }
    return { ...common, name, size: 0, type: 'symlink', linkname, mode: 0o777 }
  }
  if (content === undefined) throw new HostError('ENOTSUP', 'neither file nor directory.')
  return { ...common, name, size: content.length, type: 'file', mode: mode ?? 0o644 }
}
