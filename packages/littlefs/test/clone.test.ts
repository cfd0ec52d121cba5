/** A clone holds what its source does, in blocks of another size; what it cannot hold is said before. */

import { MemoryDevice } from '@caravan/device'
import { checkLittlefs } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { clone, LittleFS, planClone, ReferenceFS } from '../src/index.js'
import { cleanNames, imageOf, manifestOf } from './golden-images.js'
import { treeOf } from './repair-run.js'

function sourceOf(name: string): MemoryDevice {
  return new MemoryDevice(imageOf(name), { blockSize: manifestOf(name).blockSize, readOnly: true })
}

describe('a clone of what the C library wrote', () => {
  it.each(cleanNames)(
    '%s: has the same tree, limits and version, in other blocks',
    async (name) => {
      const { blockSize: oldSize } = manifestOf(name)
      const before = treeOf(imageOf(name), oldSize)
      const old = ReferenceFS.mountSync(sourceOf(name), { nameMax: 1022 }).info()
      const blockSize = oldSize >= 4096 ? 1024 : 4096
      // Twice the room: small blocks hold more pointers, large ones are filled less.
      const sizeBytes = Math.max(2 * old.blockCount * oldSize, 64 * blockSize)
      const wanted = { blockSize, blockCount: Math.ceil(sizeBytes / blockSize) }
      const plan = await planClone(sourceOf(name), wanted)
      if (name === 'attrs-all-types' || name === 'attrs-large') {
        // Attributes of a whole kilobyte stand in no block of that size, beside a name and a checksum.
        expect(plan.problems[0]).toMatchObject({ code: 'ENOSPC' })
        const small = new MemoryDevice(wanted)
        await expect(clone(sourceOf(name), small, wanted)).rejects.toMatchObject({
          code: 'ENOTSUP',
        })
        expect(small.bytes.every((byte) => byte === 0xff)).toBe(true)
        return
      }
      expect(plan).toMatchObject({ ...wanted, problems: [] })
      const blockCount = plan.fits ? wanted.blockCount : plan.smallestBlocks
      const target = new MemoryDevice({ blockSize, blockCount })
      const made = await clone(sourceOf(name), target, { ...wanted, blockCount })
      expect(made.entryCount).toBe((before?.length ?? 0) - 1)
      expect(treeOf(target.bytes.slice(), blockSize)).toEqual(before)
      const { diskVersion, nameMax, fileMax, attrMax } = old
      const info = ReferenceFS.mountSync(target, { nameMax: 1022 }).info()
      expect(info).toMatchObject({ blockSize, blockCount, diskVersion, nameMax, fileMax, attrMax })
      const findings = checkLittlefs(target.bytes, { blockSize })
      expect(findings.filter(({ code }) => code !== 'superblock-limits')).toEqual([])
    },
  )
})

describe('clone', () => {
  it('keeps all attributes, those of the root too, names that are no text, and times as they are', async () => {
    const source = new MemoryDevice({ blockSize: 512, blockCount: 64 })
    LittleFS.formatSync(source, { diskVersion: '2.0', nameMax: 100 })
    const fs = LittleFS.mountSync(source)
    fs.setAttributeSync('/', 7, Uint8Array.of(1, 2))
    fs.mkdirSync('/d')
    fs.setAttributeSync('/d', 0xff, new Uint8Array(40).fill(9))
    const name = Buffer.from([0x2f, 0x63, 0x61, 0x66, 0xe9])
    fs.writeFileSync(name, 'not text')
    fs.setAttributeSync(name, 0x74, Uint8Array.of(1, 2, 3))
    const target = new MemoryDevice({ blockSize: 1024, blockCount: 32 })
    await clone(source, target, { blockSize: 1024 })
    const made = LittleFS.mountSync(target)
    expect(made.info()).toMatchObject({ diskVersion: '2.0', nameMax: 100, blockCount: 32 })
    expect([...made.getAttributesSync('/')]).toEqual([[7, Uint8Array.of(1, 2)]])
    expect([...made.getAttributesSync('/d')]).toEqual([[0xff, new Uint8Array(40).fill(9)]])
    expect(made.readFileSync(name, 'utf8')).toBe('not text')
    expect([...made.getAttributesSync(name)]).toEqual([[0x74, Uint8Array.of(1, 2, 3)]])
  })

  it('has another version and other limits where that is said', async () => {
    const source = new MemoryDevice({ blockSize: 512, blockCount: 64 })
    LittleFS.formatSync(source)
    LittleFS.mountSync(source).writeFileSync('/a-name-of-18-bytes', 'x')
    const target = new MemoryDevice({ blockSize: 512, blockCount: 64 })
    await clone(source, target, { diskVersion: '2.0', nameMax: 18, fileMax: 5000, attrMax: 64 })
    expect(LittleFS.mountSync(target).info()).toMatchObject({
      diskVersion: '2.0',
      nameMax: 18,
      fileMax: 5000,
      attrMax: 64,
    })
    expect((await planClone(source, { nameMax: 17 })).problems).toMatchObject([
      { path: '/a-name-of-18-bytes', code: 'ENAMETOOLONG' },
    ])
  })

  it('writes nothing where the target cannot hold it, and says why', async () => {
    const source = new MemoryDevice({ blockSize: 512, blockCount: 64 })
    LittleFS.formatSync(source)
    const fs = LittleFS.mountSync(source)
    fs.writeFileSync('/large', new Uint8Array(9000))
    fs.writeFileSync(`/${'n'.repeat(120)}`, 'x')
    const target = new MemoryDevice({ blockSize: 512, blockCount: 12 })
    const plan = await planClone(source, { blockCount: 12 })
    expect(plan).toMatchObject({ fits: false, problems: [] })
    expect(plan.missingBlocks).toBe(plan.blocksNeeded - 12)
    await expect(clone(source, target, { blockCount: 12 })).rejects.toMatchObject({
      code: 'ENOSPC',
      message: expect.stringContaining(`it needs ${plan.blocksNeeded} blocks of 512 bytes`),
    })
    const small = new MemoryDevice({ blockSize: 128, blockCount: 256 })
    await expect(clone(source, small, { blockSize: 128 })).rejects.toMatchObject({
      code: 'ENOTSUP',
      path: `/${'n'.repeat(120)}`,
    })
    for (const { bytes } of [target, small]) expect(bytes.every((byte) => byte === 0xff)).toBe(true)
  })

  it('of what littlefs 2.1 has no word for makes nothing: a type, a struct, a tag', async () => {
    for (const [name, words] of [
      ['corrupt-unknown-entry-type', 'none that littlefs 2.1 has'],
      ['corrupt-name-with-slash', 'no path leads to it alone'],
      ['corrupt2-name-duplicate', 'no path leads to it alone'],
      ['corrupt-dirs-share-pair', 'another path already'],
    ] as const) {
      const { problems, fits } = await planClone(sourceOf(name))
      expect(problems, name).toMatchObject([{ message: expect.stringContaining(words) }])
      expect(fits).toBe(false)
    }
  })

  it('goes by the source as it is shown where a power cut has left a rename half done', async () => {
    const name = 'corrupt-gstate-move-pending'
    const before = treeOf(imageOf(name), manifestOf(name).blockSize)
    const target = new MemoryDevice({ blockSize: 4096, blockCount: 64 })
    await clone(sourceOf(name), target, { blockSize: 4096, blockCount: 64 })
    expect(treeOf(target.bytes.slice(), 4096)).toEqual(before)
  })
})
