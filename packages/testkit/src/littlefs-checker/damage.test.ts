import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkLittlefs, readLittlefsTree } from '../littlefs-checker.js'
import { propertyParameters } from '../seeds.js'
import { BlockImage } from './finding.js'
import { codes, imageOf, linesOfTree, manifestOf, optionsFor } from './golden.js'
import { type Commit, crc, type Log, readLog } from './log.js'
import { PairReader, readThread } from './thread.js'

/** Changes bytes of one commit and repairs its CRC: damage that only the structure can show. */
function resealed(
  image: Uint8Array,
  blockSize: number,
  block: number,
  change: (bytes: Uint8Array, log: Log) => number,
): Uint8Array {
  const copy = image.slice()
  const bytes = copy.subarray(block * blockSize, (block + 1) * blockSize)
  const log = readLog(bytes.slice(), block)
  reseal(bytes, log.commits[change(bytes, log)])
  return copy
}

/** Writes the CRC that a commit's bytes have now. */
function reseal(bytes: Uint8Array, { beginOffset, crcTag }: Commit): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  view.setUint32(crcTag.offset + 4, crc(bytes.subarray(beginOffset, crcTag.offset + 4)), true)
}

/** Changes the first tag of this type in the log; gives the commit it is in. */
function changeTag(
  log: Log,
  type: number,
  change: (data: {
    readonly begin: number
    readonly tagOffset: number
    readonly nextOffset: number
  }) => void,
): number {
  const index = log.commits.findIndex(({ tags }) => tags.some((tag) => tag.type === type))
  const tag = log.commits[index].tags.find((candidate) => candidate.type === type)
  if (tag === undefined) throw new RangeError(`no tag 0x${type.toString(16)} in the log`)
  const begin = tag.offset + 4
  change({ begin, tagOffset: tag.offset, nextOffset: begin + tag.data.length })
  return index
}

/** The blocks in force along the tail list. */
function activeLogs(image: Uint8Array, blockSize: number): Log[] {
  const blocks = new BlockImage(image, blockSize, image.length / blockSize)
  const ignore = () => {}
  return readThread(new PairReader(blocks, ignore), ignore).map(({ metadata }) => metadata.log)
}

describe('one structure changed, its CRC repaired', () => {
  const name = 'corrupt-none'
  const image = imageOf(name)
  const options = optionsFor(manifestOf(name))
  const { blockSize } = options
  const logs = activeLogs(image, blockSize)
  const logWith = (type: number) => {
    const log = logs.find(({ commits }) =>
      commits.some(({ tags }) => tags.some((tag) => tag.type === type)),
    )
    if (log === undefined) throw new RangeError(`no tag 0x${type.toString(16)} in ${name}`)
    return log.block
  }
  const changed = (
    type: number,
    change: (
      bytes: Uint8Array,
      at: { begin: number; tagOffset: number; nextOffset: number },
    ) => void,
  ) =>
    resealed(image, blockSize, logWith(type), (bytes, log) =>
      changeTag(log, type, (at) => change(bytes, at)),
    )

  it('is sound before', () => {
    expect(checkLittlefs(image, options)).toEqual([])
    expect(
      checkLittlefs(
        changed(0x0ff, () => {}),
        options,
      ),
    ).toEqual([])
  })

  it('version 2.0 with forward CRCs', () => {
    const lowered = resealed(image, blockSize, logs[0].block, (bytes, log) =>
      changeTag(log, 0x201, ({ begin }) => {
        bytes[begin] = 0
      }),
    )
    expect(codes(lowered, options)).toEqual(['fcrc-in-2.0'])
  })

  it('a name out of order', () => {
    const renamed = resealed(image, blockSize, logs[0].block, (bytes, log) =>
      changeTag(log, 0x002, ({ begin }) => {
        bytes[begin] = 0xfe
      }),
    )
    expect(codes(renamed, options)).toEqual(['name-order'])
  })

  it('a soft tail turned into a hard one', () => {
    // A tag is XORed into the next: the bit is changed in both, and only this tag is another.
    const hard = changed(0x600, (bytes, { tagOffset, nextOffset }) => {
      bytes[tagOffset + 1] ^= 0x10
      bytes[nextOffset + 1] ^= 0x10
    })
    expect(codes(hard, options)).toContain('directory-shared')
  })

  it('two files with the same blocks', () => {
    const name = 'ctz-sizes-512'
    const image = imageOf(name)
    const options = optionsFor(manifestOf(name))
    const structs = (log: Log) => log.commits[0].tags.filter((tag) => tag.type === 0x202)
    const log = activeLogs(image, options.blockSize).find((each) => structs(each).length > 1)
    if (log === undefined) throw new RangeError(`no two CTZ structs in one pair of ${name}`)
    const shared = resealed(image, options.blockSize, log.block, (bytes) => {
      const [from, to] = structs(log)
      bytes.set(from.data, to.offset + 4)
      return 0
    })
    expect(codes(shared, options)).toEqual(['block-used-twice'])
  })

  it('a type beside the forward CRC, which ends no commit', () => {
    const other = changed(0x5ff, (bytes, { tagOffset, nextOffset }) => {
      bytes[tagOffset + 1] ^= 0x70
      bytes[nextOffset + 1] ^= 0x70
    })
    expect(codes(other, options)).toContain('tag-unknown')
    expect(codes(other, options)).not.toContain('torn-commit')
  })

  it('a tag of a type that does not exist', () => {
    const unknown = changed(0x600, (bytes, { tagOffset, nextOffset }) => {
      bytes[tagOffset + 1] ^= 0x20
      bytes[nextOffset + 1] ^= 0x20
    })
    expect(codes(unknown, options)).toContain('tag-unknown')
  })

  it('a tail tag with the id of a file', () => {
    const named = changed(0x600, (bytes, { tagOffset, nextOffset }) => {
      bytes[tagOffset + 2] ^= 0x04
      bytes[nextOffset + 2] ^= 0x04
      bytes[tagOffset + 1] ^= 0x0f
      bytes[nextOffset + 1] ^= 0x0f
      bytes[tagOffset + 2] ^= 0xf8
      bytes[nextOffset + 2] ^= 0xf8
    })
    expect(codes(named, options)).toContain('tag-id')
  })

  it('what the configuration of the writer forbids', () => {
    expect(codes(image, { ...options, inlineMax: 0 })).toEqual(['inline-size'])
    expect(codes(image, { ...options, eraseValue: 0x00 })).toEqual(['fcrc-malformed'])
    expect(codes(image, { ...options, progSize: 64 })).toContain('commit-unaligned')
    const raised = imageOf('diskver-2.0-upgraded')
    expect(codes(raised, optionsFor(manifestOf('diskver-2.0-upgraded')))).toEqual(['fcrc-missing'])
  })

  it('attributes beyond attr_max', () => {
    const name = 'attrs'
    const image = imageOf(name)
    const blockSize = manifestOf(name).blockSize
    const [log] = activeLogs(image, blockSize)
    const lowered = resealed(image, blockSize, log.block, (bytes, { commits }) =>
      changeTag({ ...log, commits }, 0x201, ({ begin }) => {
        bytes.set([2, 0, 0, 0], begin + 20)
      }),
    )
    expect(codes(lowered, { blockSize, inlineMax: 1022 })).toEqual(['attribute-size'])
  })
})

describe('random damage', () => {
  const sources = ['corrupt-none', 'dir-100-entries-512', 'superblock-expanded', 'diskver-2.0'].map(
    (name) => {
      const image = imageOf(name)
      const options = optionsFor(manifestOf(name))
      return { name, image, options, logs: activeLogs(image, options.blockSize) }
    },
  )

  /**
   * A flipped bit under a CRC ends the log before its commit. What is left is an older valid state of
   * that pair; it is seen as such wherever the remains still look like a commit, the forward CRC of
   * the commit before says that something was programmed, or the older half contradicts the rest.
   * Only where none of these holds may there be no finding: then the state in force is exactly the
   * one that stands when the flipped commit, and what follows it in that block, never came.
   */
  it('one bit under a CRC of the half in force: a finding, or an older valid state', () => {
    const flip = fc.record({
      source: fc.constantFrom(...sources),
      log: fc.nat(),
      commit: fc.nat(),
      bit: fc.nat(),
    })
    fc.assert(
      fc.property(flip, ({ source, log: logNumber, commit: commitNumber, bit }) => {
        const { image, options, logs } = source
        const log = logs[logNumber % logs.length]
        const commit = log.commits[commitNumber % log.commits.length]
        const coveredBytes = commit.crcTag.offset + 8 - commit.beginOffset
        const blockOffset = log.block * options.blockSize
        const offset = blockOffset + commit.beginOffset + ((bit % (coveredBytes * 8)) >>> 3)
        const damaged = image.slice()
        damaged[offset] ^= 1 << (bit % 8)
        if (codes(damaged, options).length > 0) return
        const cut = image.slice()
        cut.fill(0xff, blockOffset + commit.beginOffset, blockOffset + options.blockSize)
        expect(linesOfTree(readLittlefsTree(damaged, options))).toEqual(
          linesOfTree(readLittlefsTree(cut, options)),
        )
      }),
      propertyParameters(300),
    )
  })

  it('any bytes: an answer in bounded time, never an exception', () => {
    const damage = fc.record({
      source: fc.constantFrom(...sources),
      repairs: fc.boolean(),
      changes: fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255) }), {
        minLength: 1,
        maxLength: 8,
      }),
    })
    fc.assert(
      fc.property(damage, ({ source, repairs, changes }) => {
        const { image, options, logs } = source
        const damaged = image.slice()
        for (const { at, byte } of changes) {
          const log = logs[at % logs.length]
          const commit = log.commits[(at >>> 4) % log.commits.length]
          const begin = commit.beginOffset === 0 ? 4 : commit.beginOffset
          const blockOffset = log.block * options.blockSize
          const bytes = damaged.subarray(blockOffset, blockOffset + options.blockSize)
          bytes[begin + ((at >>> 8) % (commit.crcTag.offset - begin + 1))] = byte
          if (repairs) reseal(bytes, commit)
        }
        for (const finding of checkLittlefs(damaged, options)) {
          expect(finding.message).not.toBe('')
        }
      }),
      propertyParameters(300),
    )
  })
})
