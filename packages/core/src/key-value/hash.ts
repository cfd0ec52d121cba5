/** Hash functions: handed in, with SHA-256 in plain JavaScript as the default. */

/** Takes bytes piece by piece, then gives its digest once. `node:crypto`'s `Hash` is one. */
export interface Hasher {
  update(bytes: Uint8Array): unknown
  digest(): Uint8Array
}

/** Begins a hash: `() => createHash('sha256')` with `node:crypto`. */
export type HashFunction = () => Hasher

/** Kinds as they are hashed: frozen, since digests may be kept elsewhere. */
const KIND_BYTE = { value: 0x76, dictionary: 0x64 } as const

export interface DigestedEntry {
  /** The name's bytes. */
  readonly name: Uint8Array
  readonly kind: keyof typeof KIND_BYTE
  readonly digest: Uint8Array
}

/**
 * The digest of a dictionary: over each entry's kind (`v` or `d`), the length of its name (32 bits,
 * little-endian), the name and the digest, in byte order of the names. The same for the same
 * content, whatever its history.
 *
 * @param entries in byte order of their names.
 */
export function digestDictionary(hash: HashFunction, entries: Iterable<DigestedEntry>): Uint8Array {
  const listed = [...entries]
  const size = listed.reduce((sum, { name, digest }) => sum + 5 + name.length + digest.length, 0)
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const { name, kind, digest } of listed) {
    bytes[at] = KIND_BYTE[kind]
    view.setUint32(at + 1, name.length, true)
    bytes.set(name, at + 5)
    bytes.set(digest, at + 5 + name.length)
    at += 5 + name.length + digest.length
  }
  const hasher = hash()
  hasher.update(bytes)
  return plain(hasher.digest())
}

/** Node's digests are a `Buffer`: callers are given plain bytes. */
export function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
