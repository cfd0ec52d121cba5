/**
 * A metadata pair: which half is in force, what its log adds up to, and what is wrong with either.
 *
 * Source: littlefs SPEC.md, "Directories / Metadata pairs" and "Metadata types".
 */
import {
  type BlockImage,
  type BlockPair,
  type LittlefsCheckOptions,
  le32,
  pairText,
  type Report,
} from './finding.js'
import {
  beginsLikeLog,
  type Commit,
  crc,
  DELETED_LENGTH,
  isKnownType,
  type Log,
  type LogTag,
  NO_ID,
  readLog,
  typeKind,
} from './log.js'

/** One id of a metadata pair. */
export interface Entry {
  nameType: number | undefined
  name: Uint8Array
  structType: number | undefined
  struct: Uint8Array
  readonly attributes: Map<number, Uint8Array>
}

interface Tail {
  readonly hard: boolean
  readonly pair: BlockPair
}

export interface MetadataPair {
  readonly pair: BlockPair
  /** The half in force. */
  readonly log: Log
  /** The other half, whatever stands there; `undefined` when it is beyond the image. */
  readonly otherLog: Log | undefined
  readonly entries: readonly Entry[]
  readonly tail: Tail | undefined
  /** The 12 bytes of its global state delta. */
  readonly delta: Uint8Array | undefined
}

/** What the checks of a log need to know of the whole image. */
interface LogRules {
  readonly options: LittlefsCheckOptions
  /** On-disk minor version: 0 or 1. */
  readonly minorVersion: number
}

/** Both halves read, the newer valid one folded; `undefined` when neither holds a commit. */
export function readPair(
  image: BlockImage,
  pair: BlockPair,
  report: Report,
): MetadataPair | undefined {
  const logs = pair.map((block) => {
    const bytes = image.block(block)
    return bytes === undefined ? undefined : readLog(bytes, block)
  })
  const [first, second] = logs
  const firstValid = first !== undefined && first.commits.length > 0
  const secondValid = second !== undefined && second.commits.length > 0
  if (firstValid && (!secondValid || !isNewer(second.revision, first.revision))) {
    return fold(pair, first, second, report)
  }
  return secondValid ? fold(pair, second, first, report) : undefined
}

/** Sequence comparison: 0 is newer than 0xffffffff. */
function isNewer(revision: number, than: number): boolean {
  return ((revision - than) | 0) > 0
}

function fold(pair: BlockPair, log: Log, otherLog: Log | undefined, report: Report): MetadataPair {
  const entries: Entry[] = []
  let tail: Tail | undefined
  let delta: Uint8Array | undefined
  const where = { block: log.block, pair }

  const entryOf = (tag: LogTag): Entry | undefined => {
    const entry = entries[tag.id]
    if (entry === undefined) {
      report(
        'id-range',
        `${describe(tag)} names an id beyond the ${entries.length} there are`,
        where,
      )
    } else if (entry.nameType === undefined) {
      report('name-late', `${describe(tag)} stands before the name of its id`, where)
    }
    return entry
  }

  const apply = (tag: LogTag): void => {
    if (!checkTag(tag, report, where)) return
    const deleted = tag.length === DELETED_LENGTH
    switch (typeKind(tag.type)) {
      case 0: {
        // Ids need no create tag (SPEC.md, LFS_TYPE_CREATE), and a compaction may copy them in any
        // order: what is still missing at the commit's end is the fault.
        while (entries.length <= tag.id) entries.push(emptyEntry())
        const entry = entries[tag.id]
        if (entry.nameType !== undefined) {
          report('name-reassigned', `${describe(tag)} names an id that has a name`, where)
        }
        entry.nameType = tag.type
        entry.name = tag.data
        break
      }
      case 2: {
        const entry = entryOf(tag)
        if (entry === undefined) break
        entry.structType = deleted ? undefined : tag.type
        entry.struct = tag.data
        break
      }
      case 3: {
        const entry = entryOf(tag)
        if (deleted) entry?.attributes.delete(tag.type & 0xff)
        else entry?.attributes.set(tag.type & 0xff, tag.data)
        break
      }
      case 4:
        if (tag.type === 0x401) {
          if (tag.id > entries.length) {
            report('id-range', `${describe(tag)} inserts beyond ${entries.length} ids`, where)
          } else {
            entries.splice(tag.id, 0, emptyEntry())
          }
        } else if (tag.id >= entries.length) {
          report('id-range', `${describe(tag)} deletes one of ${entries.length} ids`, where)
        } else {
          entries.splice(tag.id, 1)
        }
        break
      case 6: {
        const next: BlockPair = [le32(tag.data, 0), le32(tag.data, 4)]
        const none = next[0] === 0xffffffff && next[1] === 0xffffffff
        tail = none ? undefined : { hard: tag.type === 0x601, pair: next }
        break
      }
      case 7:
        delta = deleted ? undefined : tag.data
        break
    }
  }
  for (const commit of log.commits) {
    for (const tag of commit.tags) apply(tag)
    const nameless = entries.findIndex((entry) => entry.nameType === undefined)
    if (nameless >= 0) {
      report(
        'name-missing',
        `id ${nameless} has no name after the commit that ends at ${commit.endOffset}`,
        where,
      )
    }
  }
  return { pair, log, otherLog, entries, tail, delta }
}

function emptyEntry(): Entry {
  const none = new Uint8Array(0)
  return {
    nameType: undefined,
    name: none,
    structType: undefined,
    struct: none,
    attributes: new Map(),
  }
}

function describe(tag: LogTag): string {
  return `tag 0x${tag.type.toString(16).padStart(3, '0')} of id ${tag.id} at ${tag.offset}`
}

/** Bytes that a tag of this type must carry; `undefined` where any number may. */
function fixedLength(type: number): number | undefined {
  if (type === 0x200 || type === 0x202 || type === 0x5ff || typeKind(type) === 6) return 8
  if (type === 0x401 || type === 0x4ff) return 0
  return type === 0x7ff ? 12 : undefined
}

/** Whether a tag is well formed; what is not is reported and takes no part in the fold. */
function checkTag(
  tag: LogTag,
  report: Report,
  where: { readonly block: number; readonly pair: BlockPair },
): boolean {
  // A name of an unknown file type still takes its id, or all that follow would shift.
  if (!isKnownType(tag.type)) {
    report('tag-unknown', `${describe(tag)} is of a type that littlefs 2.1 has not`, where)
    if (typeKind(tag.type) !== 0) return false
  }
  const kind = typeKind(tag.type)
  const belongsToFile = kind === 0 || kind === 2 || kind === 3 || kind === 4
  if (belongsToFile === (tag.id === NO_ID)) {
    const expected = belongsToFile ? 'the id of an entry' : '0x3ff'
    report('tag-id', `${describe(tag)} must carry ${expected}`, where)
    return false
  }
  const expected = fixedLength(tag.type)
  const mayBeDeleted = kind === 2 || kind === 3 || kind === 7
  if (tag.length === DELETED_LENGTH ? !mayBeDeleted : tag.length !== (expected ?? tag.length)) {
    report('tag-length', `${describe(tag)} has length ${tag.length}, expected ${expected}`, where)
    return false
  }
  return true
}

/** Everything about the two halves of a pair that does not need the tree. */
export function checkPair(pair: MetadataPair, rules: LogRules, report: Report): void {
  const { log, otherLog } = pair
  checkLog(log, pair.pair, rules, report)
  if (pair.entries.length > 0xff) {
    report('id-count', `${pair.entries.length} ids in one pair, at most 255 fit`, {
      pair: pair.pair,
      block: log.block,
    })
  }
  if (otherLog === undefined) return
  const where = { block: otherLog.block, pair: pair.pair }
  if (otherLog.commits.length > 0) {
    checkLog(otherLog, pair.pair, rules, report)
    if (otherLog.revision === log.revision) {
      report(
        'revision-equal',
        `both halves of ${pairText(pair.pair)} have revision ${log.revision}`,
        where,
      )
    }
    return
  }
  // A half that was never written holds anything, but only a compaction that did not end (or damage)
  // leaves a newer revision before what begins like a commit.
  if (rules.options.allowTornCommits === true) return
  if (isNewer(otherLog.revision, log.revision) && beginsLikeLog(otherLog.bytes)) {
    report(
      'newer-half-invalid',
      `block ${otherLog.block} has the newer revision ${otherLog.revision} and no valid commit (${otherLog.endReason}): an older state is in force`,
      where,
    )
  }
}

function checkLog(log: Log, pair: BlockPair, rules: LogRules, report: Report): void {
  const { options, minorVersion } = rules
  const { blockSize, progSize } = options
  const where = { block: log.block, pair }
  if (log.end === 'torn' && options.allowTornCommits !== true) {
    report(
      'torn-commit',
      `the log of block ${log.block} ends in a broken commit: ${log.endReason}`,
      where,
    )
  }
  checkCompacted(log.commits[0], rules, where, report)
  log.commits.forEach((commit, index) => {
    const isLast = index === log.commits.length - 1
    const { endOffset } = commit
    // Padding longer than a tag can say takes several CRC tags: only the last ends on a program and
    // has a forward CRC.
    const next = log.commits[index + 1]
    const isPadded = next?.tags.every((tag) => tag.type === 0x5ff) === true
    const isUnaligned = progSize !== undefined && !isPadded && endOffset % progSize !== 0
    // A cut may tear such padding behind its first CRC tag: nothing is appended there.
    const isTornPadding = isUnaligned && isLast && options.allowTornCommits === true
    if (isUnaligned && !isTornPadding) {
      report('commit-unaligned', `commit ends at ${endOffset}, not on ${progSize} bytes`, where)
    }
    if (commit.crcTag.id !== NO_ID) {
      report('tag-id', `${describe(commit.crcTag)} must carry 0x3ff`, where)
    }
    if (!isKnownType(commit.crcTag.type)) {
      report('tag-unknown', `${describe(commit.crcTag)} has unknown CRC flags`, where)
    }
    const forwards = commit.tags.filter((tag) => tag.type === 0x5ff)
    if (forwards.length > 0 && minorVersion === 0) {
      report('fcrc-in-2.0', `${describe(forwards[0])}: version 2.0 has no forward CRC`, where)
    }
    const forward = forwards.at(-1)
    if (forward !== undefined) {
      if (forward.length === 8)
        checkForward(forward, log, endOffset, isLast, options, where, report)
      return
    }
    if (minorVersion === 0 || options.allowMissingForwardCrc === true || isPadded) return
    if (isTornPadding) return
    if (progSize !== undefined && endOffset <= blockSize - progSize) {
      report('fcrc-missing', `no forward CRC before ${endOffset}, where another commit fits`, where)
    }
  })
}

/**
 * What the first commit of a block carries must leave room for a tail, a delta and the CRCs; a
 * single entry, which no split makes smaller, may take of that.
 */
function checkCompacted(
  commit: Commit,
  rules: LogRules,
  where: { readonly block: number; readonly pair: BlockPair },
  report: Report,
): void {
  const tags = commit.tags.filter((tag) => typeKind(tag.type) < 5)
  if (new Set(tags.map((tag) => tag.id)).size < 2) return
  const contentBytes = tags.reduce((sum, tag) => sum + 4 + tag.data.length, 0)
  const roomBytes = rules.options.blockSize - 40
  if (contentBytes > roomBytes) {
    report('commit-overfull', `${contentBytes} bytes compacted, only ${roomBytes} may be`, where)
  }
}

function checkForward(
  tag: LogTag,
  log: Log,
  nextOffset: number,
  isLast: boolean,
  options: LittlefsCheckOptions,
  where: { readonly block: number; readonly pair: BlockPair },
  report: Report,
): void {
  const sizeBytes = le32(tag.data, 0)
  const expected = le32(tag.data, 4)
  if (sizeBytes === 0 || nextOffset + sizeBytes > options.blockSize) {
    report('fcrc-malformed', `${describe(tag)} covers ${sizeBytes} bytes from ${nextOffset}`, where)
    return
  }
  if (options.progSize !== undefined && sizeBytes < options.progSize) {
    report(
      'fcrc-malformed',
      `${describe(tag)} covers ${sizeBytes} bytes, less than a program`,
      where,
    )
  }
  if (options.eraseValue !== undefined) {
    const erased = crc(new Uint8Array(sizeBytes).fill(options.eraseValue))
    if (erased !== expected) {
      report(
        'fcrc-malformed',
        `${describe(tag)} is not the CRC of ${sizeBytes} erased bytes`,
        where,
      )
    }
  }
  // Only behind the last commit do the erased bytes still stand.
  if (!isLast || options.allowTornCommits === true) return
  if (crc(log.bytes.subarray(nextOffset, nextOffset + sizeBytes)) !== expected) {
    report('fcrc-mismatch', `the ${sizeBytes} bytes from ${nextOffset} are not as erased`, where)
  }
}
