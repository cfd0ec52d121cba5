/**
 * Verifying an image: everything that docteur's own `verify` checks, and what it does not.
 *
 * 1. Nothing that is found is thrown: each kind of damage is a finding with a sentence of its own.
 *    What keeps the rest from being read ends the verification, and is the last finding.
 * 2. A notice is about what is unusual and may be meant; the image is sound with it.
 * 3. Memory holds what an analysis holds (analysis.ts), and which objects the commit needs.
 */

import { type BlockDevice, FormatError, type Op, run, runSync } from '@caravan/core'
import { type Analysis, analyse, type OnProgress, sortedOrder } from './analysis.js'
import { checkContents } from './check-contents.js'
import { type Commit, decodeCommit } from './format/commit.js'
import { hexToId, idToHex } from './format/object-id.js'
import { encodeIndex, indexLayout } from './format/pack-index.js'
import { type Image, type ImageOptions, openImage } from './image.js'
import { viewImage } from './image-bytes.js'

export interface VerifyFinding {
  /** Stable: programs may compare it. */
  readonly code: string
  /** What was found, what was expected. */
  readonly message: string
  /** What it is about within the tree, where it is. */
  readonly path?: string
}

export interface VerifyReport {
  /** True where there is no damage. */
  readonly isSound: boolean
  readonly damage: readonly VerifyFinding[]
  /** What is unusual, and no damage. */
  readonly notices: readonly VerifyFinding[]
  readonly objectCount: number
  /** Of the header, in hexadecimal; `undefined` where there is no header. */
  readonly commitId: string | undefined
  /** `undefined` where it cannot be read. */
  readonly commit: Commit | undefined
}

export interface VerifyOptions
  extends Pick<ImageOptions, 'cacheBytes' | 'objectMaxBytes' | 'platform'> {
  /** Told how far it is. */
  readonly onProgress?: OnProgress
}

/** Gathers what is found. */
export class Findings {
  readonly damage: VerifyFinding[] = []
  readonly notices: VerifyFinding[] = []

  add(code: string, message: string, path?: string): void {
    this.damage.push(path === undefined ? { code, message } : { code, message, path })
  }

  addError(error: FormatError, path?: string): void {
    this.add(error.code, error.message, path)
  }

  notice(code: string, message: string, path?: string): void {
    this.notices.push(path === undefined ? { code, message } : { code, message, path })
  }
}

/**
 * Verifies an image.
 *
 * @throws DeviceError where the device fails. What is wrong with the image is in the report.
 */
export async function verifyImage(
  device: BlockDevice,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const view = viewImage(device).device
  return run(verify(view, options), view)
}

/** @throws as {@link verifyImage}; MisuseError where the device answers with promises. */
export function verifyImageSync(device: BlockDevice, options: VerifyOptions = {}): VerifyReport {
  const view = viewImage(device).device
  return runSync(verify(view, options), view)
}

function* verify(device: BlockDevice, options: VerifyOptions): Op<VerifyReport> {
  const findings = new Findings()
  let image: Image | undefined
  let commit: Commit | undefined
  try {
    image = yield* openImage(device, { ...options, analyze: false }, false)
    const analysis = yield* analyse(image, options.onProgress)
    checkPackHash(analysis, findings)
    for (const { error } of analysis.unresolved) findings.addError(error)
    yield* checkIndex(image, analysis, findings)
    yield* checkPadding(image, analysis, findings)
    image.useAnalysis(analysis)
    commit = yield* checkCommit(image, findings)
    if (commit !== undefined) yield* checkContents(image, commit, findings)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    findings.addError(error)
  }
  return {
    isSound: findings.damage.length === 0,
    damage: findings.damage,
    notices: findings.notices,
    objectCount: image?.objectCount ?? 0,
    commitId: image === undefined ? undefined : idToHex(image.header.commit),
    commit,
  }
}

function checkPackHash({ packHash, actualHash }: Analysis, findings: Findings): void {
  if (idToHex(packHash) === idToHex(actualHash)) return
  findings.add(
    'BAD_PACK_HASH',
    `The PACK hashes to ${idToHex(actualHash)}, and says ${idToHex(packHash)} behind its entries: some of its bytes have changed.`,
  )
}

/** The IDX as it must be, beside that which is there. */
function* checkIndex(image: Image, analysis: Analysis, findings: Findings): Op<void> {
  const { idSize, indexOffset } = image.header
  const order = sortedOrder(analysis, idSize)
  const ids = new Uint8Array(order.length * idSize)
  for (const [i, entry] of order.entries()) {
    ids.set(analysis.ids.subarray(entry * idSize, (entry + 1) * idSize), i * idSize)
  }
  const expected = encodeIndex(
    {
      ids,
      crcs: Uint32Array.from(order, (entry) => analysis.crcs[entry] as number),
      offsets: Float64Array.from(order, (entry) => analysis.offsets[entry] as number),
      packHash: analysis.packHash,
    },
    idSize,
  )
  const hasher = image.platform.hash()
  hasher.update(expected.subarray(0, expected.length - idSize))
  expected.set(hasher.digest(), expected.length - idSize)
  if (indexOffset + expected.length > image.bytes.sizeBytes) {
    findings.add(
      'INVALID_INDEX',
      `The IDX should take ${expected.length} bytes from byte ${indexOffset} on, and the image has ${image.bytes.sizeBytes} bytes: it was cut, or the offset in its header is damaged.`,
    )
    return
  }
  for (let at = 0; at < expected.length; at += COMPARED_BYTES) {
    const piece = expected.subarray(at, at + COMPARED_BYTES)
    const actual = yield* image.bytes.read(indexOffset + at, piece.length)
    const difference = piece.findIndex((byte, i) => byte !== actual[i])
    if (difference === -1) continue
    const where = tableAt(at + difference, order.length, image)
    findings.add(
      'INVALID_INDEX',
      `The IDX is not that of this PACK: it differs first at byte ${at + difference}, in ${where}. \`caravan git make\` makes a new one; --analyze reads the image without it.`,
    )
    return
  }
}

const COMPARED_BYTES = 65_536

/** The part of an IDX that a byte of it belongs to. */
function tableAt(at: number, count: number, image: Image): string {
  const { ids, crcs, offsets, largeOffsets } = indexLayout(count, image.header.idSize)
  if (at < 8) return 'its magic and version'
  if (at < ids) return 'its fan-out'
  if (at < crcs) return 'its ids'
  if (at < offsets) return 'its CRC-32s'
  return at < largeOffsets ? 'its offsets' : 'what follows its offsets'
}

/** What the original's reader takes the IDX in. */
const READER_BLOCK = 512

function* checkPadding(image: Image, analysis: Analysis, findings: Findings): Op<void> {
  const { indexOffset, idSize } = image.header
  const { sizeBytes } = image.bytes
  const packEnd = image.pack.settings.begin + analysis.entriesEnd + idSize
  const layout = indexLayout(image.objectCount, idSize)
  const large = analysis.offsets.reduce((sum, offset) => (offset >= 2 ** 31 ? sum + 1 : sum), 0)
  const indexEnd = indexOffset + layout.largeOffsets + 8 * large + 2 * idSize
  if (indexOffset < packEnd) {
    findings.add(
      'BAD_INDEX_OFFSET',
      `The header says that the IDX begins at byte ${indexOffset}, and the PACK ends at byte ${packEnd}: they overlap.`,
    )
    return
  }
  // What lies beyond the end was told of the IDX.
  if (indexOffset > sizeBytes) return
  yield* checkZeros(image, packEnd, indexOffset, 'the PACK', findings)
  if (indexEnd > sizeBytes) return
  yield* checkZeros(image, indexEnd, sizeBytes, 'the IDX', findings)
  if ((sizeBytes - indexOffset) % READER_BLOCK === 0) {
    if (indexOffset === packEnd || indexEnd === sizeBytes) {
      findings.notice(
        'NO_PADDING',
        'The PACK or the IDX is not followed by zeros, as the original would pad it.',
      )
    }
    return
  }
  const step = greatestDivisor(indexOffset, sizeBytes)
  const isPadded =
    indexOffset - packEnd <= step && sizeBytes - indexEnd <= step && sizeBytes > indexEnd
  const message = `The IDX and what follows it take ${sizeBytes - indexOffset} bytes, and docteur's own reader takes them in blocks of ${READER_BLOCK}: it refuses this image.`
  if (isPadded && step > 1) {
    findings.notice(
      'UNUSUAL_BLOCK_SIZE',
      `${message} It was made with a block size of ${step}, or a part of that.`,
    )
  } else findings.add('BAD_LENGTH', `${message} The image was cut, or something was added to it.`)
}

function* checkZeros(
  image: Image,
  from: number,
  to: number,
  behind: string,
  findings: Findings,
): Op<void> {
  for (let at = from; at < to; at += COMPARED_BYTES) {
    const bytes = yield* image.bytes.read(at, Math.min(COMPARED_BYTES, to - at))
    const index = bytes.findIndex((byte) => byte !== 0)
    if (index === -1) continue
    findings.add(
      'BAD_PADDING',
      `Behind ${behind} there must be zeros, and byte ${at + index} of the image is ${bytes[index]}.`,
    )
    return
  }
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}

function* checkCommit(image: Image, findings: Findings): Op<Commit | undefined> {
  const { commit } = image.header
  const id = idToHex(commit)
  const offset = yield* image.objects.find(commit)
  if (offset === undefined) {
    findings.add('MISSING_COMMIT', `The commit ${id}, which the header names, is not in the PACK.`)
    return undefined
  }
  const { kind, bytes } = yield* image.pack.readObject(offset)
  if (kind !== 'commit') {
    findings.add('NOT_A_COMMIT', `The header names ${id} as its commit, and that is a ${kind}.`)
    return undefined
  }
  try {
    const decoded = decodeCommit(bytes, id)
    if (hexToId(decoded.tree, image.header.idSize) !== undefined) return decoded
    findings.add('BAD_COMMIT', `The commit ${id} names a tree of another hash than the image has.`)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    findings.addError(error)
  }
  return undefined
}

/** In the lines of docteur's own `verify`, as bytes in a byte string. */
export function verifiedLines(commitId: string, { author, tree, message }: Commit): string {
  const lines = [
    `commit\t: ${commitId}`,
    `author\t: ${ocamlString(author.name)} <${author.email}>`,
    `root\t: ${tree}`,
  ]
  return `${lines.join('\n')}\n${message === '' ? '' : `\n${message}`}\n`
}

const OCAML_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\b': '\\b',
}

/** A string as OCaml writes it: what is not printable ASCII in three decimal digits. */
function ocamlString(bytes: string): string {
  let text = ''
  for (const character of bytes) {
    const escaped = OCAML_ESCAPES[character]
    if (escaped !== undefined) text += escaped
    else if (character >= ' ' && character <= '~') text += character
    else text += `\\${String(character.charCodeAt(0)).padStart(3, '0')}`
  }
  return `"${text}"`
}
