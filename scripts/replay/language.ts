/**
 * The language that operations are recorded in: golden/littlefs/README.md, "The operation
 * language". One operation a line, arguments between single spaces, `%XX` for a byte.
 */

/** An operation with its arguments decoded, in the recorded order. */
export type Operation =
  | { readonly kind: 'format' | 'mount' | 'unmount' | 'gc' | 'mkconsistent' }
  | { readonly kind: 'grow'; readonly blockCount: number }
  | { readonly kind: 'mkdir' | 'remove' | 'statpath' | 'lsorder'; readonly path: string }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string }
  | Writing<'write' | 'append'>
  | (Writing<'writeat'> & { readonly offset: number })
  | { readonly kind: 'writehex'; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  | {
      readonly kind: 'setattr'
      readonly path: string
      readonly type: number
      readonly bytes: Uint8Array
    }
  | { readonly kind: 'rmattr' | 'getattr'; readonly path: string; readonly type: number }
  | { readonly kind: 'read'; readonly path: string; readonly offset: number; readonly size: number }
  | {
      readonly kind: 'open'
      readonly handle: number
      readonly path: string
      readonly flags: string
    }
  | {
      readonly kind: 'hwrite'
      readonly handle: number
      readonly size: number
      readonly seed: number
    }
  | { readonly kind: 'hread' | 'htruncate'; readonly handle: number; readonly size: number }
  | {
      readonly kind: 'hseek'
      readonly handle: number
      readonly offset: number
      readonly whence: Whence
    }
  | { readonly kind: 'hsync' | 'hsize' | 'hclose'; readonly handle: number }

type Whence = 'set' | 'current' | 'end'

interface Writing<Kind extends string> {
  readonly kind: Kind
  readonly path: string
  readonly size: number
  readonly seed: number
}

const WHENCES: readonly Whence[] = ['set', 'current', 'end']

/** @throws SyntaxError for a line that is not of the language, naming it. */
export function parseOperation(line: string): Operation {
  const words = line.split(' ')
  const kind = words[0] as Operation['kind']
  let next = 1
  const word = () => {
    const found = words[next++]
    if (found === undefined) throw new SyntaxError(`too few arguments in ${JSON.stringify(line)}`)
    return found
  }
  const number = () => {
    const text = word()
    const value = Number(text)
    if (!Number.isSafeInteger(value) || text === '') {
      throw new SyntaxError(`${JSON.stringify(text)} is no whole number in ${JSON.stringify(line)}`)
    }
    return value
  }
  const path = () => decodePercent(word())
  const bytes = () => decodeHex(word(), line)
  const operation = parseKind(kind, { word, number, path, bytes }, line)
  if (next !== words.length) throw new SyntaxError(`too many arguments in ${JSON.stringify(line)}`)
  return operation
}

interface Arguments {
  word(): string
  number(): number
  path(): string
  bytes(): Uint8Array
}

/** Arguments are read in the order in which a property is written here. */
function parseKind(kind: Operation['kind'], args: Arguments, line: string): Operation {
  const { word, number, path, bytes } = args
  switch (kind) {
    case 'format':
    case 'mount':
    case 'unmount':
    case 'gc':
    case 'mkconsistent':
      return { kind }
    case 'grow':
      return { kind, blockCount: number() }
    case 'mkdir':
    case 'remove':
    case 'statpath':
    case 'lsorder':
      return { kind, path: path() }
    case 'rename':
      return { kind, path: path(), to: path() }
    case 'write':
    case 'append':
      return { kind, path: path(), size: number(), seed: number() }
    case 'writeat':
      return { kind, path: path(), offset: number(), size: number(), seed: number() }
    case 'writehex':
      return { kind, path: path(), bytes: bytes() }
    case 'truncate':
      return { kind, path: path(), size: number() }
    case 'setattr':
      return { kind, path: path(), type: number(), bytes: bytes() }
    case 'rmattr':
    case 'getattr':
      return { kind, path: path(), type: number() }
    case 'read':
      return { kind, path: path(), offset: number(), size: number() }
    case 'open':
      return { kind, handle: number(), path: path(), flags: word() }
    case 'hwrite':
      return { kind, handle: number(), size: number(), seed: number() }
    case 'hread':
    case 'htruncate':
      return { kind, handle: number(), size: number() }
    case 'hseek':
      return { kind, handle: number(), offset: number(), whence: whence(number(), line) }
    case 'hsync':
    case 'hsize':
    case 'hclose':
      return { kind, handle: number() }
    default:
      throw new SyntaxError(`unknown operation ${JSON.stringify(line)}`)
  }
}

function whence(value: number, line: string): Whence {
  const found = WHENCES[value]
  if (found === undefined) throw new SyntaxError(`unknown whence in ${JSON.stringify(line)}`)
  return found
}

/**
 * A word with its `%XX` replaced by the bytes they stand for, as UTF-8.
 *
 * @throws TypeError where the bytes are no UTF-8.
 */
export function decodePercent(word: string): string {
  const source = new TextEncoder().encode(word)
  const bytes: number[] = []
  for (let i = 0; i < source.length; i++) {
    const pair = source[i] === 0x25 ? String.fromCharCode(...source.subarray(i + 1, i + 3)) : ''
    if (/^[0-9a-f]{2}$/i.test(pair)) {
      bytes.push(Number.parseInt(pair, 16))
      i += 2
    } else {
      bytes.push(source[i] as number)
    }
  }
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes))
}

function decodeHex(word: string, line: string): Uint8Array {
  if (word === '-') return new Uint8Array(0)
  if (!/^([0-9a-f]{2})+$/i.test(word)) {
    throw new SyntaxError(`${JSON.stringify(word)} is no hex in ${JSON.stringify(line)}`)
  }
  return new Uint8Array(Buffer.from(word, 'hex'))
}
