import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { type ChamelonManifest, chamelonShape } from './golden/chamelon.js'
import { type DocteurManifest, docteurShape } from './golden/docteur.js'
import { parseManifest } from './golden/images.js'
import type { Manifest } from './golden/littlefs/manifest.js'
import { littlefsShape } from './golden/littlefs.js'
import type { Version1Manifest } from './golden/littlefs1/manifest.js'
import { littlefs1Shape } from './golden/littlefs1.js'
import { type NotafsManifest, notafsShape } from './golden/notafs.js'
import { type GoldenShape, judgeCase, summarise } from './golden/report.js'

const GOLDEN = fileURLToPath(new URL('../golden/littlefs', import.meta.url))

describe('golden/littlefs', () => {
  const cases = littlefsShape.cases(GOLDEN)

  it('holds every recorded case', () => {
    expect(cases).toHaveLength(234 + 100)
  })

  for (const golden of cases) {
    it(golden.name, async () => {
      expect((await judgeCase(golden)).difference).toBeUndefined()
    })
  }
})

interface Recorded {
  readonly shape: GoldenShape
  readonly count: number
  /** The case that is changed, to see that the judge finds it. */
  readonly changed: string
  /** What its manifest is changed to, and what the judge says. */
  readonly changes: readonly (readonly [
    what: string,
    change: (manifest: never) => object,
    difference: RegExp,
  ])[]
}

/** A change of the first entry that was recorded. */
const first = (change: object) => (manifest: ChamelonManifest | NotafsManifest) => ({
  expected: [{ ...manifest.expected[0], ...change }, ...manifest.expected.slice(1)],
})
const seen = (change: object) => (manifest: DocteurManifest) => ({
  seen_by_original: [{ ...manifest.seen_by_original[0], ...change }],
})

const RECORDED: readonly Recorded[] = [
  {
    shape: chamelonShape,
    count: 5,
    changed: 'basic-4096',
    changes: [
      ['a hash', first({ sha256: '00' }), /sha256 expected 00/],
      ['a size', first({ size: 1 }), /size expected 1/],
      ['a kind', first({ kind: 'dictionary' }), /is a value/],
      [
        'a picosecond',
        first({ mtime_ps: '63239393797065001' }),
        /time expected 20777 d 63239393797065001 ps/,
      ],
      ['a name', first({ path: '/other' }), /'\/other': is not there/],
    ],
  },
  {
    shape: docteurShape,
    count: 2,
    changed: 'git-512',
    changes: [
      ['a hash', seen({ sha256: '00' }), /sha256 expected 00/],
      ['a size', seen({ size: 1 }), /size expected 1/],
      ['an id', seen({ git_blob: '00' }), /id expected 00/],
      ['a kind', seen({ kind: 'dictionary' }), /expected a dictionary/],
      ['a name', seen({ path: '/other' }), /got undefined/],
      ['the commit', () => ({ commit: '00' }), /commit expected 00/],
      ['the objects', () => ({ objects: 1 }), /objects expected 1/],
      ['a line of git', () => ({ tree_in_git_mode_type_id_path: ['x'] }), /not there: x/],
      ['what verify prints', () => ({ verify_output: '' }), /git verify prints/],
      ['what verify exits with', () => ({ verify_rc: 124 }), /exits with 0/],
    ],
  },
  {
    shape: notafsShape,
    count: 10,
    changed: 'basic-4096',
    changes: [
      ['a hash', first({ sha256: '00' }), /sha256 expected 00/],
      ['a size', first({ size: 1 }), /size expected 1/],
      ['a kind', first({ kind: 'dictionary' }), /is a value/],
      [
        'a picosecond',
        first({ mtime_ps: '63242277796983719' }),
        /time expected 20777 d 63242277796983719 ps/,
      ],
      ['a name', first({ path: '/other' }), /'\/other': is not there/],
    ],
  },
]

const SHAPES = [littlefsShape, littlefs1Shape, ...RECORDED.map(({ shape }) => shape)]

describe.each(RECORDED)('golden/$shape.name', ({ shape, count, changed, changes }) => {
  const dir = fileURLToPath(new URL(`../golden/${shape.name}`, import.meta.url))
  const cases = shape.cases(dir)

  it('holds every recorded image, and is of no other shape', () => {
    expect(cases).toHaveLength(count)
    expect(SHAPES.filter(({ recognises }) => recognises(dir))).toEqual([shape])
    expect(shape.recognises(GOLDEN)).toBe(false)
  })

  for (const golden of cases) {
    it(golden.name, async () => {
      expect((await judgeCase(golden)).difference).toBeUndefined()
    })
  }

  it.each(changes)('the judge finds a difference in %s', async (_, change, difference) => {
    const folder = mkdtempSync(join(tmpdir(), 'caravan-golden-'))
    const manifest = parseManifest(readFileSync(join(dir, `${changed}.json`), 'utf8')) as object
    writeFileSync(
      join(folder, `${changed}.json`),
      JSON.stringify({ ...manifest, ...change(manifest as never) }),
    )
    writeFileSync(join(folder, `${changed}.img.gz`), readFileSync(join(dir, `${changed}.img.gz`)))
    const [golden] = shape.cases(folder)
    if (golden === undefined) throw new Error('no case found')
    expect((await judgeCase(golden)).difference).toMatch(difference)
    rmSync(folder, { recursive: true })
  })
})

describe('golden/littlefs1', () => {
  const dir = fileURLToPath(new URL('../golden/littlefs1', import.meta.url))
  const cases = littlefs1Shape.cases(dir)
  const work = mkdtempSync(join(tmpdir(), 'caravan-golden-'))
  afterAll(() => rmSync(work, { recursive: true }))

  it('holds every recorded case, and is of no other shape', () => {
    expect(cases).toHaveLength(91 + 44)
    expect(SHAPES.filter(({ recognises }) => recognises(dir))).toEqual([littlefs1Shape])
  })

  for (const golden of cases) {
    it(golden.name, async () => {
      expect((await judgeCase(golden)).difference).toBeUndefined()
    })
  }

  const boot = (change: object) => (manifest: Version1Manifest) => ({
    entries: manifest.entries?.map((entry) =>
      entry.path === '/boot' ? { ...entry, ...change } : entry,
    ),
  })
  const state = (change: object) => (manifest: Version1Manifest) => ({
    state: { ...manifest.state, ...change },
  })

  it.each([
    ['a size', boot({ size: 30 }), /"\/boot": size expected 30/],
    ['a hash', boot({ sha256: '00' }), /"\/boot": sha256 expected 00/],
    ['a type', boot({ type: 'dir' }), /type expected dir/],
    ['a name', boot({ path: '/boo' }), /expected entry "\/boo"/],
    ['an error', boot({ error: 'open:LFS_ERR_CORRUPT' }), /but it is readable/],
    ['the root', state({ root: [2, 3] }), /state.root expected 2,3/],
    ['the orphans', state({ orphans: 1 }), /state.orphans expected 1/],
    ['the desyncs', state({ desyncs: 1 }), /state.desyncs expected 1/],
    ['the use', () => ({ traverse: { expect: 'ok', usedBlocks: 1 } }), /usedBlocks expected 1/],
    ['what mounting answers', () => ({ expect: 'error:LFS_ERR_INVAL' }), /but it mounts/],
    ['what a full read answers', () => ({ dumpExpect: 'error:LFS_ERR_IO' }), /expected error/],
    ['what it is', () => ({ isV2: true, v2: { entries: [] } }), /recognised as littlefs 1/],
    ['a migration', () => ({ migrated: { wanted: 'error' } }), /expected an error, got an image/],
  ])('the judge finds a difference in %s', async (_, change, difference) => {
    const folder = mkdtempSync(join(work, 'case-'))
    const manifest = JSON.parse(readFileSync(join(dir, 'base.json'), 'utf8')) as Version1Manifest
    writeFileSync(join(folder, 'base.json'), JSON.stringify({ ...manifest, ...change(manifest) }))
    writeFileSync(join(folder, 'base.img.gz'), readFileSync(join(dir, 'base.img.gz')))
    const [golden] = littlefs1Shape.cases(folder)
    if (golden === undefined) throw new Error('no case found')
    expect((await judgeCase(golden)).difference).toMatch(difference)
  })
})

describe('the judge', () => {
  const work = mkdtempSync(join(tmpdir(), 'caravan-golden-'))
  afterAll(() => rmSync(work, { recursive: true }))

  /** One case of the golden set with a changed manifest, judged. */
  async function judgeChanged(name: string, change: (manifest: Manifest) => object) {
    const dir = join(work, `${Math.random()}`)
    mkdirSync(dir)
    const manifest = JSON.parse(readFileSync(join(GOLDEN, `${name}.json`), 'utf8')) as Manifest
    writeFileSync(join(dir, `${name}.json`), JSON.stringify({ ...manifest, ...change(manifest) }))
    writeFileSync(join(dir, `${name}.img.gz`), readFileSync(join(GOLDEN, `${name}.img.gz`)))
    expect(littlefsShape.recognises(dir)).toBe(true)
    const [golden] = littlefsShape.cases(dir)
    if (golden === undefined) throw new Error('no case found')
    return (await judgeCase(golden)).difference
  }

  const changeEntry = (path: string, change: object) => (manifest: Manifest) => ({
    entries: manifest.entries?.map((entry) =>
      entry.path === path ? { ...entry, ...change } : entry,
    ),
  })

  it('passes what is unchanged', async () => {
    expect(await judgeChanged('corrupt-none', () => ({}))).toBeUndefined()
  })

  it.each([
    ['a size', changeEntry('/note', { size: 14 }), /"\/note": size expected 14, got 13/],
    ['a hash', changeEntry('/note', { sha256: '00' }), /"\/note": sha256 expected 00/],
    ['a type', changeEntry('/note', { type: 'dir' }), /"\/note": type expected dir, got reg/],
    ['an attribute', changeEntry('/note', { attrs: {} }), /attribute 0x74 expected undefined/],
    ['an error', changeEntry('/docs', { error: 'dir_open:LFS_ERR_CORRUPT' }), /but it is readable/],
    ['a path', changeEntry('/note', { path: '/notf' }), /expected entry "\/notf", got "\/note"/],
    ['one entry less', (m: Manifest) => ({ entries: m.entries?.slice(0, -1) }), /unexpected entry/],
    ['a mount error', () => ({ expect: 'error:LFS_ERR_INVAL' }), /expected error:LFS_ERR_INVAL/],
    ['a dump error', () => ({ dumpExpect: 'error:LFS_ERR_IO' }), /a full read expected/],
    ['a move', () => ({ gstate: { hasmove: true, hasorphans: false } }), /hasmove expected true/],
    ['orphans', () => ({ gstate: { hasmove: false, hasorphans: true } }), /hasorphans expected/],
    ['the image', () => ({ imageSha256: '00' }), /is not the recorded one/],
  ])('finds a difference in %s', async (_, change, difference) => {
    expect(await judgeChanged('corrupt-none', change)).toMatch(difference)
  })

  it('finds a difference in the use of blocks of a clean image', async () => {
    const difference = await judgeChanged('attrs', () => ({ usedBlocks: 1 }))
    expect(difference).toMatch(/usedBlocks expected 1/)
  })

  it('finds another class of error on mount', async () => {
    const io = () => ({ expect: 'error:LFS_ERR_IO' })
    expect(await judgeChanged('corrupt-noise-0', io)).toMatch(/expected a DeviceError/)
    const corrupt = () => ({ expect: 'ok', dumpExpect: 'ok' })
    expect(await judgeChanged('corrupt-noise-0', corrupt)).toMatch(/expected to mount/)
  })

  it('exempts by name only', async () => {
    const rename = () => ({ name: 'corrupt-other' })
    expect(await judgeChanged('corrupt-dir-pointer-to-root', rename)).toMatch(/unexpected entry/)
    expect(await judgeChanged('corrupt-magic-both-crc-repaired', rename)).toMatch(/to mount/)
  })

  it('recognises no folder that holds nothing of the kind', () => {
    expect(littlefsShape.recognises(join(work, 'missing'))).toBe(false)
    mkdirSync(join(work, 'empty'))
    expect(littlefsShape.recognises(join(work, 'empty'))).toBe(false)
  })

  it('ends with the counts alone on a line', () => {
    const lines = summarise([
      { name: 'one', difference: undefined },
      { name: 'two', difference: 'differs', exemption: 'a rule' },
    ])
    expect(lines.at(-1)).toBe('1 passed, 1 failed')
    expect(lines).toContain('exempt: 1, each judged by its own rule')
  })
})
