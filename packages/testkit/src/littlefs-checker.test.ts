import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { parseTar } from 'nanotar'
import { describe, expect, it } from 'vitest'
import type { FindingCode } from './littlefs-checker/finding.js'
import {
  codes,
  golden,
  imageOf,
  linesOfManifest,
  linesOfTree,
  type Manifest,
  manifestOf,
  optionsFor,
} from './littlefs-checker/golden.js'
import { compareNames } from './littlefs-checker/tree.js'
import { checkLittlefs, readLittlefsTree } from './littlefs-checker.js'

const names = readdirSync(golden)
  .filter((file) => file.endsWith('.img.gz'))
  .map((file) => file.slice(0, -'.img.gz'.length))
  .sort()
const cleanNames = names.filter((name) => manifestOf(name).group !== 'corrupt')
const corruptNames = names.filter((name) => manifestOf(name).group === 'corrupt')

describe('clean images of the reference', () => {
  it.each(cleanNames)('%s: no finding, and the tree of the manifest', (name) => {
    const manifest = manifestOf(name)
    const image = imageOf(name)
    const options = {
      ...optionsFor(manifest),
      // Its older logs are from before the rise to 2.1.
      allowMissingForwardCrc: name === 'diskver-2.0-upgraded',
    }
    expect(checkLittlefs(image, options)).toEqual([])
    expect(linesOfTree(readLittlefsTree(image, options))).toEqual(
      linesOfManifest(manifest.entries ?? []),
    )
  })

  it('needs no more than the block size', () => {
    for (const name of ['attrs', 'diskver-2.0', 'superblock-expanded-twice', 'prog-4096']) {
      expect(checkLittlefs(imageOf(name), { blockSize: manifestOf(name).blockSize })).toEqual([])
    }
  })

  it('a longer name stands before its own prefix, all else bytewise', () => {
    const bytes = (text: string) => Buffer.from(text, 'latin1')
    expect(compareNames(bytes('abc'), bytes('ab'))).toBeLessThan(0)
    expect(compareNames(bytes('a'), bytes('ab'))).toBeGreaterThan(0)
    expect(compareNames(bytes('Z'), bytes('a'))).toBeLessThan(0)
    expect(compareNames(bytes('z'), bytes('\xe9'))).toBeLessThan(0)
    expect(compareNames(bytes('ab'), bytes('ab'))).toBe(0)
    // The recorded image has every such case in one directory.
    const stored = [...readLittlefsTree(imageOf('names-prefixes'), { blockSize: 512 }).keys()]
    expect(stored.indexOf('/foobar')).toBeLessThan(stored.indexOf('/foo'))
    expect(stored.indexOf('/foo')).toBeLessThan(stored.indexOf('/fo'))
    expect(stored.indexOf('/aaaa')).toBeLessThan(stored.indexOf('/a'))
  })
})

/** What was changed leaves an image that is sound by its structure. */
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
/** Where one certain finding must be among those reported. */
const EXPECTED_CODES: Readonly<Record<string, FindingCode>> = {
  'all-ff': 'pair-invalid',
  'block-count-larger': 'image-size',
  'block-count-zero-count-0': 'superblock-geometry',
  'child-both-crc-bad': 'pair-invalid',
  'child-newer-crc-bad': 'newer-half-invalid',
  'ctz-head-out-of-range': 'ctz-range',
  'ctz-size-huge': 'ctz-size',
  'ctz-size-over-file-max': 'file-size',
  'ctz-skip-pointer-self': 'ctz-pointer',
  'dir-pointer-out-of-range': 'pair-range',
  'dir-pointer-to-root': 'directory-shared',
  'dirs-share-pair': 'directory-shared',
  'gstate-garbage': 'gstate-malformed',
  'gstate-move-bad-id': 'gstate-move-target',
  'gstate-move-bad-pair': 'gstate-move-target',
  'gstate-move-pending': 'gstate-move',
  'gstate-orphan-flag': 'gstate-orphans',
  'inline-bit-flip': 'torn-commit',
  'magic-both-crc-repaired': 'superblock-magic',
  'magic-older': 'superblock-half',
  'name-duplicate': 'name-duplicate',
  'name-max-4': 'name-length',
  'name-max-too-large': 'superblock-limits',
  'name-with-nul': 'name-characters',
  'name-with-slash': 'name-characters',
  'revision-equal': 'revision-equal',
  'tail-cut': 'directory-not-threaded',
  'tail-cycle-self': 'tail-cycle',
  'tail-cycle-to-root': 'tail-cycle',
  'tail-out-of-range': 'pair-range',
  'truncated-half': 'image-size',
  'unknown-entry-type': 'tag-unknown',
  'version-3.0': 'superblock-version',
}

describe('damaged images', () => {
  it.each(corruptNames)('%s', (name) => {
    const kind = name.replace(/^corrupt2?-/, '')
    const found = codes(imageOf(name), optionsFor(manifestOf(name)))
    if (kind in SOUND_AFTER_DAMAGE || name in SOUND_BY_NAME) {
      expect(found).toEqual([])
      return
    }
    expect(found).not.toEqual([])
    if (kind in EXPECTED_CODES) expect(found).toContain(EXPECTED_CODES[kind])
  })
})

describe('states after a power cut', () => {
  const directory = new URL('powerloss/', golden)
  const scripts = readdirSync(directory).filter((file) => file.endsWith('.json'))

  it.each(scripts)('%s', (file) => {
    const manifests: Manifest[] = JSON.parse(readFileSync(new URL(file, directory), 'utf8'))
    const archive = readFileSync(new URL(file.replace('.json', '.tar.gz'), directory))
    const images = new Map(
      parseTar(new Uint8Array(gunzipSync(archive))).map(({ name, data }) => [name, data]),
    )
    for (const manifest of manifests) {
      const image = images.get(manifest.img)
      if (image === undefined) throw new RangeError(`${manifest.img} is not in the archive`)
      const options = { ...optionsFor(manifest), allowTornCommits: true }
      const allowed = { ...options, allowOrphans: true, allowPendingMove: true }
      if (manifest.expect !== 'ok') {
        expect(codes(image, allowed), manifest.name).not.toEqual([])
        continue
      }
      expect(checkLittlefs(image, allowed), manifest.name).toEqual([])
      // Without leave: nothing where the global state is clean, and what is pending where it is not.
      const strict = codes(image, options)
      expect(strict.includes('gstate-move'), manifest.name).toBe(manifest.gstate?.hasmove)
      expect(strict.includes('gstate-orphans'), manifest.name).toBe(manifest.gstate?.hasorphans)
      if (!manifest.gstate?.hasmove && !manifest.gstate?.hasorphans) expect(strict).toEqual([])
      const after = manifest.afterConsistent?.entries
      const entries = after === undefined || after === 'same' ? manifest.entries : after
      expect(linesOfTree(readLittlefsTree(image, allowed)), manifest.name).toEqual(
        linesOfManifest(entries ?? []),
      )
    }
  })
})
