/** `check` over the golden images: silent where the reference is content, to the point elsewhere. */

import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { DeviceError, type Span } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import {
  type CheckReport,
  check,
  checkSync,
  FINDING_MEANINGS,
  type FindingCode,
  LittleFS,
} from '@caravan/littlefs'
import { FaultyDevice, nextTurn, seedFromEnvironment } from '@caravan/testkit'
import { parseTar } from 'nanotar'
import { describe, expect, it } from 'vitest'
import { walkLog } from '../src/format/log-walk.js'
import { type CheckCounts, checkDamage } from './check-run.js'
import {
  cleanNames,
  goldenFolder,
  goldenNames,
  imageOf,
  type Manifest,
  manifestOf,
} from './golden-images.js'
import { goldenLogs } from './golden-logs.js'

type Sizes = Pick<Manifest, 'blockSize' | 'blockCount' | 'mountBlockCount'>

/** As the device would be told that the image comes from. */
function checked(
  image: Uint8Array,
  { blockSize, blockCount, mountBlockCount }: Sizes,
): CheckReport {
  const device = new MemoryDevice(image, { readOnly: true })
  return checkSync(device, { blockSize, blockCount: mountBlockCount || blockCount })
}

const codesOf = ({ findings }: CheckReport) => findings.map(({ code }) => code)

describe('log walk', () => {
  it('ends every log where the engine does', () => {
    let logs = 0
    for (const { block, rules, summary, where } of goldenLogs()) {
      const { commits, revision } = walkLog(block, rules.crc32)
      const last = commits.at(-1)
      expect([commits.length, last?.end, revision], where).toEqual([
        summary.commitCount,
        summary.end,
        summary.revision,
      ])
      logs++
    }
    expect(logs).toBeGreaterThan(500)
  })
})

describe('images that the reference wrote', () => {
  it.each(cleanNames)('%s: no finding, and all of it was looked at', (name) => {
    const manifest = manifestOf(name)
    const report = checked(imageOf(name), manifest)
    expect(report.findings).toEqual([])
    const of = (type: string) => manifest.entries?.filter((entry) => entry.type === type).length
    expect([report.directoryCount, report.fileCount]).toEqual([of('dir'), of('reg')])
  })

  it('needs neither block size nor count; late answers change nothing', async () => {
    const device = new MemoryDevice(imageOf('dir-many-dirs'))
    const report = await check(new FaultyDevice(device, { late: true }))
    expect(report).toEqual(checkSync(device))
    expect(report.findings).toEqual([])
    expect(report.pairCount).toBeGreaterThan(10)
  })
})

/** Damage that leaves an image which is sound by its structure. */
const SOUND_AFTER_DAMAGE: Readonly<Record<string, string>> = {
  none: 'not damaged',
  'version-2.1-driver-2.0': 'not damaged: only the driver is older',
  'data-bit-flip': 'data blocks have no checksum',
  'ctz-size-shorter': 'the same blocks hold the shorter file too: that is what a truncation leaves',
  'dir-pointer-swapped': 'the order of a pair has no meaning',
  'limits-zero': '0 means the default',
  'revision-wraparound': 'sequence comparison makes 0 newer than 0xffffffff',
}
const SOUND_BY_NAME: Readonly<Record<string, string>> = {
  'corrupt2-flip-3': 'the bit is in the padding of a commit, which no CRC covers',
  'corrupt2-flip-4': 'the bit is in the padding of a commit, which no CRC covers',
}

/** What was damaged, and the finding that names it. */
const NAMED: Readonly<Record<string, FindingCode>> = {
  'all-00': 'SUPERBLOCK_MISSING',
  'all-ff': 'SUPERBLOCK_MISSING',
  'attr-max-too-large': 'UNSUPPORTED_LIMIT',
  'block-count-larger': 'IMAGE_TRUNCATED',
  'block-count-larger-count-0': 'IMAGE_TRUNCATED',
  'block-count-smaller': 'WRONG_GEOMETRY',
  'block-count-smaller-count-0': 'WRONG_GEOMETRY',
  'block-count-tiny-count-0': 'WRONG_GEOMETRY',
  'block-count-zero-count-0': 'WRONG_GEOMETRY',
  'block-size-other': 'WRONG_GEOMETRY',
  'child-both-crc-bad': 'PAIR_LOST',
  'child-newer-crc-bad': 'NEWER_HALF_LOST',
  'ctz-head-fffffffe': 'FILE_BLOCK_OUT_OF_RANGE',
  'ctz-head-ffffffff': 'FILE_BLOCK_OUT_OF_RANGE',
  'ctz-head-out-of-range': 'FILE_BLOCK_OUT_OF_RANGE',
  'ctz-head-zero': 'BLOCK_USED_TWICE',
  'ctz-size-huge': 'IMPOSSIBLE_SIZE',
  'ctz-size-over-file-max': 'FILE_TOO_LARGE',
  'ctz-size-zero': 'IMPOSSIBLE_SIZE',
  'ctz-skip-pointer-out-of-range': 'FILE_BLOCK_OUT_OF_RANGE',
  'ctz-skip-pointer-self': 'WRONG_POINTER',
  'dir-pointer-half-out-of-range': 'PAIR_OUT_OF_RANGE',
  'dir-pointer-out-of-range': 'PAIR_OUT_OF_RANGE',
  'dir-pointer-to-data': 'PAIR_OUT_OF_RANGE',
  'dir-pointer-to-root': 'DIRECTORY_SHARED',
  'dirs-share-pair': 'DIRECTORY_SHARED',
  'file-max-100': 'FILE_TOO_LARGE',
  'file-max-too-large': 'UNSUPPORTED_LIMIT',
  'gstate-garbage': 'MALFORMED_STATE',
  'gstate-move-bad-id': 'MOVE_TARGET_MISSING',
  'gstate-move-bad-pair': 'MOVE_TARGET_MISSING',
  'gstate-move-pending': 'MOVE_PENDING',
  'gstate-orphan-flag': 'ORPHANS_ANNOUNCED',
  'inline-bit-flip': 'TORN_COMMIT',
  'magic-both': 'SUPERBLOCK_MISSING',
  'magic-both-crc-repaired': 'SUPERBLOCK_DAMAGED',
  'magic-newer': 'NEWER_HALF_LOST',
  'magic-older': 'SUPERBLOCK_HALF_LOST',
  'mounted-with-double-block-size': 'WRONG_GEOMETRY',
  'mounted-with-half-block-size': 'WRONG_GEOMETRY',
  'mounted-with-less-blocks': 'WRONG_GEOMETRY',
  'name-duplicate': 'NAME_DUPLICATE',
  'name-max-4': 'NAME_TOO_LONG',
  'name-max-too-large': 'UNSUPPORTED_LIMIT',
  'name-with-nul': 'NAME_INVALID',
  'name-with-slash': 'NAME_INVALID',
  'newest-commit-damaged': 'TORN_COMMIT',
  'newest-root-commit-damaged': 'TORN_COMMIT',
  'newest-root-crc-word': 'TORN_COMMIT',
  'noise-0': 'SUPERBLOCK_MISSING',
  'noise-1': 'SUPERBLOCK_MISSING',
  'noise-2': 'SUPERBLOCK_MISSING',
  'one-block': 'SUPERBLOCK_MISSING',
  'revision-equal': 'REVISIONS_EQUAL',
  'revision-newer-empty': 'SUPERBLOCK_HALF_LOST',
  'root-both-crc-bad': 'SUPERBLOCK_MISSING',
  'root-both-noise': 'SUPERBLOCK_MISSING',
  'root-one-erased': 'SUPERBLOCK_HALF_LOST',
  'root-tail-self': 'TAIL_CYCLE',
  'tail-cut': 'NOT_THREADED',
  'tail-cycle-self': 'TAIL_CYCLE',
  'tail-cycle-to-root': 'TAIL_CYCLE',
  'tail-out-of-range': 'PAIR_OUT_OF_RANGE',
  text: 'SUPERBLOCK_MISSING',
  'truncated-half': 'IMAGE_TRUNCATED',
  'unknown-entry-type': 'UNKNOWN_ENTRY_TYPE',
  'version-1.7': 'UNSUPPORTED_VERSION',
  'version-2.2': 'UNSUPPORTED_VERSION',
  'version-3.0': 'UNSUPPORTED_VERSION',
  'zero-length': 'SUPERBLOCK_MISSING',
}

const flipped = /^flip-\d+$/
/** One random bit: of a commit in force, or one that is superseded. */
const AFTER_A_FLIP: readonly FindingCode[] = ['TORN_COMMIT', 'STALE_DAMAGE', 'SUPERBLOCK_HALF_LOST']

describe('damaged images', () => {
  const damaged = goldenNames.filter((name) => name.startsWith('corrupt'))

  it.each(damaged)('%s', (name) => {
    const kind = name.replace(/^corrupt2?-/, '')
    const codes = codesOf(checked(imageOf(name), manifestOf(name)))
    if (kind in SOUND_AFTER_DAMAGE || name in SOUND_BY_NAME) expect(codes).toEqual([])
    else if (flipped.test(kind)) {
      expect(codes.filter((code) => AFTER_A_FLIP.includes(code))).not.toEqual([])
    } else expect(codes).toContain(NAMED[kind])
  })

  it('every finding says what, where, with what consequence, and what to do', () => {
    for (const name of damaged) {
      for (const each of checked(imageOf(name), manifestOf(name)).findings) {
        expect(each.what, name).toMatch(/^[A-Z].*[.)]$/s)
        expect(each.consequence, name).toMatch(/\.$/)
        expect(each.remedy, name).toMatch(/\.$/)
      }
    }
  })

  it('an image whose block size is not to be found', () => {
    const { findings } = checkSync(new MemoryDevice(imageOf('corrupt-all-ff')))
    expect(findings).toMatchObject([{ code: 'SUPERBLOCK_MISSING', severity: 'error' }])
  })
})

describe('states after a power cut', () => {
  const directory = new URL('../../../golden/littlefs/powerloss/', import.meta.url)
  const scripts = readdirSync(directory).filter((file) => file.endsWith('.json'))
  interface CutState extends Manifest {
    readonly img: string
    readonly gstate: { readonly hasmove: boolean; readonly hasorphans: boolean } | null
  }

  it.each(scripts)('%s: no error, and what is pending is told', (file) => {
    const manifests: CutState[] = JSON.parse(readFileSync(new URL(file, directory), 'utf8'))
    const archive = readFileSync(new URL(file.replace('.json', '.tar.gz'), directory))
    const images = new Map(
      parseTar(new Uint8Array(gunzipSync(archive))).map(({ name, data }) => [name, data]),
    )
    for (const manifest of manifests) {
      const report = checked(images.get(manifest.img) as Uint8Array, manifest)
      const codes = codesOf(report)
      if (manifest.expect !== 'ok') {
        expect(codes, manifest.name).not.toEqual([])
        continue
      }
      expect(report.findings.filter(({ severity }) => severity === 'error')).toEqual([])
      expect(codes.includes('MOVE_PENDING'), manifest.name).toBe(manifest.gstate?.hasmove)
      expect(codes.includes('ORPHANS_ANNOUNCED'), manifest.name).toBe(manifest.gstate?.hasorphans)
    }
  })
})

/** Some blocks of it cannot be read. */
class ScratchedDevice extends MemoryDevice {
  readonly unreadable = new Set<number>()

  override read(spans: readonly Span[]): void {
    for (const { block } of spans) {
      if (!this.unreadable.has(block)) continue
      throw new DeviceError('BAD_BLOCK', `block ${block} is scratched`, { request: 'read', block })
    }
    super.read(spans)
  }
}

describe('blocks that cannot be read', () => {
  const name = 'random-tree-0'
  const scratched = () => {
    const { blockSize } = manifestOf(name)
    return new ScratchedDevice(imageOf(name), { blockSize, readOnly: true })
  }

  it.each(['data', 'metadata'] as const)('%s: told with the path that it belongs to', (kind) => {
    const device = scratched()
    const uses = LittleFS.mountSync(device).blockUseSync()
    const use = uses.find((each) => each.kind === kind && each.path !== '/' && each.active)
    expect(use?.path).toMatch(/^\/./)
    device.unreadable.add(use?.block as number)
    const { findings } = checkSync(device)
    const { block, path } = use as { block: number; path: string }
    expect(findings).toContainEqual(
      expect.objectContaining({ code: 'BLOCK_UNREADABLE', severity: 'error', block, path }),
    )
  })

  it('a device that fails otherwise ends the check', () => {
    const device = new FaultyDevice(scratched(), { fault: { way: 'refused', from: 5 } })
    const { blockSize } = manifestOf(name)
    expect(() => checkSync(device, { blockSize })).toThrow(
      expect.objectContaining({ name: 'DeviceError', code: 'IO' }),
    )
  })
})

describe('random damage', () => {
  it('nothing is called clean that the independent checker refuses, or that cannot be read', async () => {
    const { seed, runs } = seedFromEnvironment(150)
    const counts: CheckCounts = { images: 0, clean: 0 }
    for (let run = 0; run < runs; run++) {
      expect(checkDamage(seed + run, goldenFolder, counts), `seed ${seed + run}`).toBeUndefined()
      await nextTurn()
    }
    expect(counts.images).toBe(runs)
    // Damage may hit what nothing uses, but not always.
    if (runs >= 100) expect(counts.clean).toBeLessThan(runs)
  })
})

describe('volumes of chamelon', () => {
  const folder = new URL('../../../golden/chamelon/', import.meta.url)
  const names = readdirSync(folder).filter((file) => file.endsWith('.img.gz'))

  it.each(names)('%s: told as such, and not judged by the rules of littlefs', (name) => {
    const image = new Uint8Array(gunzipSync(readFileSync(new URL(name, folder))))
    expect(codesOf(checkSync(new MemoryDevice(image)))).toEqual(['CHAMELON_VOLUME'])
  })
})

describe('docs/findings.md', () => {
  const page = readFileSync(new URL('../../../docs/findings.md', import.meta.url), 'utf8')

  it('has a section on every code, in order, and on no other', () => {
    const sections = [...page.matchAll(/^### (\S+)$/gm)].map(([, code]) => code)
    expect(sections).toEqual(Object.keys(FINDING_MEANINGS))
  })

  it.each(Object.entries(FINDING_MEANINGS))('%s: says what the finding says', (code, meaning) => {
    const section = page.split(`\n### ${code}\n`)[1]?.split('\n##')[0] ?? ''
    const { severity, consequence, remedy } = meaning
    const [how] = section.trim().split('\n\n')
    expect(how?.length).toBeGreaterThan(30)
    expect(section).toContain(
      `- Severity: ${severity}\n- Consequence: ${consequence}\n- What to do: ${remedy}\n`,
    )
  })
})
