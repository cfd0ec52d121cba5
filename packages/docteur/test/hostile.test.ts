/** Images that lie: an answer or a typed error, in bounded time and memory. */

import { CaravanError } from '@caravan/core'
import { Random, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { Docteur, verifyImageSync } from '../src/index.js'
import { nodePlatform } from '../src/node/index.js'
import {
  commitContent,
  type EntrySpec,
  imageOf,
  objectId,
  prefixDelta,
  treeContent,
  varint,
  writeImage,
} from './pack-writer.js'
import { deviceOf } from './repositories.js'

const text = (content: string) => Buffer.from(content)

/** Everything of an image that can be read, with every way of finding objects. */
function readAll(image: Uint8Array): string[] {
  const outcomes: string[] = []
  const attempt = (what: () => unknown) => {
    try {
      what()
      outcomes.push('read')
    } catch (error) {
      if (!(error instanceof CaravanError)) throw error
      if (error.name === 'AssertionError') throw error
      outcomes.push(error.code)
    }
  }
  const limits = { cacheBytes: 2 ** 20, objectMaxBytes: 2 ** 24 }
  for (const analyze of [false, true]) {
    attempt(() => {
      const fs = Docteur.mountSync(deviceOf(image), { ...limits, analyze })
      let count = 0
      for (const { path, type } of fs.walkSync()) {
        if (++count > 500) break
        attempt(() => fs.lstatSync(path))
        if (type === 'file') attempt(() => fs.readFileSync(path))
        if (type === 'symlink') attempt(() => fs.readFileSync(path))
      }
      attempt(() => fs.keyValue().sizeSync('/'))
    })
  }
  attempt(() => verifyImageSync(deviceOf(image), limits))
  return outcomes
}

const FILES = [
  ['100644', 'a', text('some text, some text, some text')],
  ['100755', 'b', text('b'.repeat(3000))],
  ['120000', 'link', text('a')],
] as const

/** One of each kind of entry, a chain of both kinds of delta. */
function sound() {
  const base = text('line\n'.repeat(200))
  const first = Buffer.concat([text('one '), base])
  const second = Buffer.concat([text('two '), first])
  const ids = [base, first, second].map((content) => objectId('blob', content))
  const rows = [
    ...FILES.map(([mode, name, content]) => [mode, name, objectId('blob', content)] as const),
    ...ids.map((id, i) => ['100644', `x${i}`, id] as const),
  ]
  const tree = treeContent(rows)
  const commit = commitContent(objectId('tree', tree))
  return writeImage({
    commit: objectId('commit', commit),
    entries: [
      { kind: 'commit', content: commit },
      { kind: 'tree', content: tree },
      ...FILES.map(([, , content]) => ({ kind: 'blob' as const, content })),
      { kind: 'blob', content: base },
      { content: prefixDelta(base.length, text('one ')), base: 5, id: ids[1] as string },
      {
        content: prefixDelta(first.length, text('two ')),
        baseId: ids[1] as string,
        id: ids[2] as string,
      },
    ],
  })
}

describe('mutated images', () => {
  it('are read or refused with a typed error, whatever bytes were changed', () => {
    const { seed, runs } = seedFromEnvironment(400)
    const random = new Random(seed)
    const { bytes } = sound()
    expect(readAll(bytes).every((outcome) => outcome === 'read')).toBe(true)
    const codes = new Set<string>()
    for (let run = 0; run < runs; run++) {
      let image = bytes.slice()
      for (let count = 1 + random.int(4); count > 0; count--) {
        const at = random.int(image.length)
        switch (random.int(4)) {
          case 0:
            image[at] = random.int(256)
            break
          case 1:
            image[at] = (image[at] as number) ^ (1 << random.int(8))
            break
          case 2:
            image.fill(random.int(256), at, at + random.int(40))
            break
          default:
            image = random.int(4) === 0 ? image.slice(0, at) : image
            image.copyWithin(at, random.int(image.length + 1), random.int(image.length + 1))
        }
      }
      for (const code of readAll(image)) codes.add(code)
    }
    expect(codes.size).toBeGreaterThan(3)
  }, 120_000)

  it('a damaged byte of content is never given out', () => {
    const { bytes, offsets } = sound()
    const whole = Docteur.mountSync(deviceOf(bytes))
    const expected = new Map(
      [...whole.walkSync()].flatMap(({ path, type }) =>
        type === 'file' ? [[path, Buffer.from(whole.readFileSync(path)).toString()] as const] : [],
      ),
    )
    for (let at = 28 + (offsets[2] as number); at < 28 + (offsets[7] as number) + 30; at++) {
      const damaged = bytes.slice()
      damaged[at] = (damaged[at] as number) ^ 0x10
      const fs = Docteur.mountSync(deviceOf(damaged), { checkContent: true })
      for (const [path, content] of expected) {
        let found: string | undefined
        try {
          found = fs.readFileSync(path, 'utf8') as string
        } catch (error) {
          expect(error).toBeInstanceOf(CaravanError)
        }
        if (found !== undefined) expect(found).toBe(content)
      }
      expect(verifyImageSync(deviceOf(damaged)).isSound).toBe(false)
    }
  })
})

/** An image of one file whose entry is written by hand. */
function imageWith(entry: EntrySpec, more: readonly EntrySpec[] = [], id = 'ab'.repeat(20)) {
  const tree = treeContent([['100644', 'f', id]])
  const commit = commitContent(objectId('tree', tree))
  return writeImage({
    commit: objectId('commit', commit),
    entries: [
      { kind: 'commit', content: commit },
      { kind: 'tree', content: tree },
      { id, ...entry },
      ...more,
    ],
  }).bytes
}

describe('entries that lie', () => {
  const base = { kind: 'blob' as const, content: text('base') }
  const baseId = objectId('blob', base.content)
  it.each<[string, Uint8Array, string]>([
    [
      'a size that the bytes cannot have',
      imageWith({ kind: 'blob', content: text('x'), claimedSize: 2 ** 40 }),
      'BAD_ENTRY',
    ],
    [
      'a size beyond the limit',
      imageWith({ kind: 'blob', content: Buffer.alloc(200_000), claimedSize: 310_000 }),
      'OBJECT_TOO_LARGE',
    ],
    [
      'more content than its size',
      imageWith({ kind: 'blob', content: text('xyz'), claimedSize: 2 }),
      'BAD_STREAM',
    ],
    [
      'less content than its size',
      imageWith({ kind: 'blob', content: text('xyz'), claimedSize: 4 }),
      'BAD_STREAM',
    ],
    [
      'a base that is not there',
      imageWith({ content: prefixDelta(4, text('x')), baseId: 'cd'.repeat(20) }),
      'MISSING_BASE',
    ],
    [
      'a base that is the delta itself',
      imageWith({ content: prefixDelta(4, text('x')), baseId: 'ab'.repeat(20) }),
      'DELTA_LOOP',
    ],
    [
      'two deltas on each other',
      imageWith({ content: prefixDelta(4, text('x')), baseId: 'ef'.repeat(20) }, [
        { content: prefixDelta(4, text('y')), baseId: 'ab'.repeat(20), id: 'ef'.repeat(20) },
      ]),
      'DELTA_LOOP',
    ],
    [
      'a delta for another base',
      imageWith({ content: prefixDelta(9, text('x')), baseId }, [base]),
      'BAD_DELTA',
    ],
    [
      'a copy from behind the base',
      imageWith({ content: Uint8Array.of(4, 5, 0x91, 2, 5), baseId }, [base]),
      'BAD_DELTA',
    ],
    [
      'an instruction 0',
      imageWith({ content: Uint8Array.of(4, 1, 0, 0), baseId }, [base]),
      'BAD_DELTA',
    ],
    [
      'an insert that is cut',
      imageWith({ content: Uint8Array.of(4, 9, 9, 1), baseId }, [base]),
      'BAD_DELTA',
    ],
    [
      'a result of another size',
      imageWith({ content: Uint8Array.of(4, 9, 1, 1), baseId }, [base]),
      'BAD_DELTA',
    ],
    [
      'a result beyond the limit',
      imageWith({ content: Uint8Array.from([4, ...varint(2 ** 33), 1, 1]), baseId }, [base]),
      'OBJECT_TOO_LARGE',
    ],
    ['a tree where a blob must be', imageWith({ kind: 'tree', content: text('') }), 'WRONG_KIND'],
    ['no such object', imageOf([]).bytes, 'ENOENT'],
  ])('%s', (_, image, code) => {
    for (const platform of [{}, nodePlatform]) {
      const fs = Docteur.mountSync(deviceOf(image), {
        objectMaxBytes: 300_000,
        analyze: false,
        platform,
      })
      expect(() => fs.readFileSync('/f')).toThrow(expect.objectContaining({ code }))
    }
    verifyImageSync(deviceOf(image))
  })

  it('a bomb of deltas is stopped by the work that it makes', () => {
    const content = Buffer.alloc(60_000, 1)
    const entries: EntrySpec[] = [{ kind: 'blob', content }]
    let id = objectId('blob', content)
    for (let i = 0; i < 200; i++) {
      const next = `${i.toString(16).padStart(4, '0')}${'77'.repeat(18)}`
      entries.push({ content: prefixDelta(60_000 + i, text('x')), baseId: id, id: next })
      id = next
    }
    const image = imageWith({ content: prefixDelta(60_200, text('x')), baseId: id }, entries)
    const fs = Docteur.mountSync(deviceOf(image), { objectMaxBytes: 100_000, analyze: false })
    expect(() => fs.readFileSync('/f')).toThrow(/OBJECT_TOO_LARGE|too large/)
  })

  it('names that lead nowhere stay names', () => {
    const rows = ['', '.', '..', 'a/b', '.git', '.GIT ', 'git~1'].map(
      (name) => ['100644', name, text('x')] as const,
    )
    const { bytes } = imageOf(rows)
    const fs = Docteur.mountSync(deviceOf(bytes))
    expect([...fs.walkSync()]).toHaveLength(rows.length + 1)
    expect(() => fs.readFileSync('/a/b')).toThrow(/ENOENT/)
    const report = verifyImageSync(deviceOf(bytes))
    expect(report.damage.filter(({ code }) => code === 'BAD_NAME')).toHaveLength(4)
    expect(report.notices.filter(({ code }) => code === 'GIT_NAME')).toHaveLength(3)
  })

  it('a tree that holds itself many times over is walked within bounds', () => {
    const leaf = treeContent([['100644', 'f', objectId('blob', text('x'))]])
    const entries: EntrySpec[] = [
      { kind: 'blob', content: text('x') },
      { kind: 'tree', content: leaf },
    ]
    let id = objectId('tree', leaf)
    for (let depth = 0; depth < 30; depth++) {
      const content = treeContent(['a', 'b', 'c', 'd'].map((name) => ['40000', name, id] as const))
      entries.push({ kind: 'tree', content })
      id = objectId('tree', content)
    }
    const commit = commitContent(id)
    entries.push({ kind: 'commit', content: commit })
    const { bytes } = writeImage({ commit: objectId('commit', commit), entries })
    const fs = Docteur.mountSync(deviceOf(bytes))
    expect(fs.readFileSync(`/${'a/'.repeat(30)}f`, 'utf8')).toBe('x')
    expect(verifyImageSync(deviceOf(bytes)).isSound).toBe(true)
    expect(() => fs.keyValue().sizeSync('/')).toThrow(
      expect.objectContaining({ code: 'TREE_TOO_LARGE' }),
    )
  }, 60_000)
})

describe('verify finds each kind of damage, and says which', () => {
  const { bytes, packEnd } = sound()
  const indexOffset = Number(new DataView(bytes.buffer).getBigUint64(20, true))
  const changed = (change: (image: Uint8Array) => Uint8Array | undefined) => {
    const image = bytes.slice()
    return change(image) ?? image
  }
  const flip = (at: number) =>
    changed((image) => {
      image[at] = (image[at] as number) ^ 1
      return image
    })
  const blob = objectId('blob', text('x'))
  const treeOf = (rows: Parameters<typeof treeContent>[0], more: readonly EntrySpec[] = []) => {
    const tree = treeContent(rows)
    const commit = commitContent(objectId('tree', tree))
    const entries = [
      { kind: 'commit' as const, content: commit },
      { kind: 'tree' as const, content: tree },
      { kind: 'blob' as const, content: text('x') },
      ...more,
    ]
    return writeImage({ commit: objectId('commit', commit), entries }).bytes
  }
  it.each<[string, Uint8Array, string, RegExp]>([
    [
      'no image',
      text('nothing of the kind, but long enough to be looked at here'),
      'NOT_DOCTEUR',
      /no PACK|No PACK/,
    ],
    ['the id of the commit', flip(3), 'MISSING_COMMIT', /not in the PACK/],
    ['the offset of the IDX', flip(25), 'INVALID_INDEX', /cut, or the offset/],
    [
      'the count of objects',
      changed((image) => image.fill(255, 36, 37)),
      'BAD_PACK_HEADER',
      /cannot hold as many/,
    ],
    ['the hash of the PACK', flip(packEnd - 1), 'BAD_PACK_HASH', /some of its bytes have changed/],
    ['zeros behind the PACK', flip(packEnd), 'BAD_PADDING', /Behind the PACK there must be zeros/],
    ['an id in the IDX', flip(indexOffset + 1032), 'INVALID_INDEX', /in its ids/],
    ['a CRC-32', flip(indexOffset + 1032 + 20 * 8), 'INVALID_INDEX', /in its CRC-32s/],
    ['an offset', flip(indexOffset + 1032 + 24 * 8), 'INVALID_INDEX', /in its offsets/],
    ['zeros behind the IDX', flip(bytes.length - 1), 'BAD_PADDING', /Behind the IDX/],
    ['a byte too few', bytes.slice(0, -1), 'BAD_LENGTH', /cut, or something was added/],
    ['a byte too many', Uint8Array.from([...bytes, 0]), 'BAD_LENGTH', /refuses this image/],
    ['the IDX cut off', bytes.slice(0, indexOffset + 600), 'INVALID_INDEX', /was cut/],
    [
      'a blob that is not there',
      treeOf([['100644', 'f', 'ab'.repeat(20)]]),
      'MISSING_OBJECT',
      /'\/f': the blob/,
    ],
    [
      'a tree that is a blob',
      treeOf([['40000', 'd', blob]]),
      'WRONG_KIND',
      /is a blob, where a tree/,
    ],
    ['a mode of no kind', treeOf([['30000', 'f', blob]]), 'BAD_MODE', /has the mode 030000/],
    [
      'a name twice',
      treeOf([
        ['100644', 'f', blob],
        ['100644', 'f', blob],
      ]),
      'DUPLICATE_NAME',
      /stands twice/,
    ],
    [
      'names out of order',
      treeOf([
        ['100644', 'b', blob],
        ['100644', 'a', blob],
      ]),
      'UNSORTED_TREE',
      /should stand before/,
    ],
    [
      'a base that is not there',
      treeOf(
        [['100644', 'f', blob]],
        [{ content: prefixDelta(3, text('y')), baseId: 'cd'.repeat(20), id: 'ee'.repeat(20) }],
      ),
      'MISSING_BASE',
      /is not in the PACK/,
    ],
    [
      'a header that names a blob',
      writeImage({ commit: blob, entries: [{ kind: 'blob', content: text('x') }] }).bytes,
      'NOT_A_COMMIT',
      /that is a blob/,
    ],
  ])('%s', (_, image, code, sentence) => {
    const report = verifyImageSync(deviceOf(image))
    expect(report.isSound).toBe(false)
    const found = report.damage.find((finding) => finding.code === code)
    expect([report.damage, found?.message]).toEqual([
      report.damage,
      expect.stringMatching(sentence),
    ])
  })

  it('unusual block sizes, modes and extra zero blocks are no damage', () => {
    const entries = sound()
    expect(verifyImageSync(deviceOf(entries.bytes))).toMatchObject({ isSound: true, notices: [] })
    const extra = new Uint8Array(bytes.length + 1024)
    extra.set(bytes)
    expect(verifyImageSync(deviceOf(extra)).isSound).toBe(true)
    const commit = commitContent(objectId('tree', text('')))
    const odd = writeImage({
      commit: objectId('commit', commit),
      entries: [
        { kind: 'commit', content: commit },
        { kind: 'tree', content: text('') },
      ],
      blockSize: 1000,
    })
    expect(verifyImageSync(deviceOf(odd.bytes))).toMatchObject({
      isSound: true,
      notices: [{ code: 'UNUSUAL_BLOCK_SIZE' }],
    })
  })
})
