/** Caches hold nothing that the device does not: without any of them every answer is the same. */

import { checkLittlefs } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { ReferenceFS } from '../src/index.js'
import { cleanNames, deviceOf, manifestOf, sha256 } from './golden-images.js'

/** Less than any pair takes: everything is forgotten between two calls. */
const NO_CACHE = { memoryBudget: 1 }

/** All that reading shows, as lines. */
function pictureOf(fs: ReferenceFS): string[] {
  const lines = []
  for (const entry of fs.walkSync()) {
    const content = entry.type === 'file' ? sha256(fs.readFileSync(entry.pathBytes)) : ''
    const attributes = [...entry.attributes].map(([type, bytes]) => `${type}:${sha256(bytes)}`)
    lines.push(`${entry.path} ${entry.size} ${content} ${attributes}`)
    if (entry.type === 'directory') lines.push(...fs.readdirSync(entry.pathBytes))
  }
  const use = fs.blockUseSync().sort((a, b) => a.block - b.block)
  return [...lines, JSON.stringify([fs.dfSync(), fs.info(), use])]
}

/** Changes of every kind, on whatever the image holds. */
function change(fs: ReferenceFS): string[] {
  const outcomes: string[] = []
  const attempt = (call: () => unknown) => {
    try {
      call()
      outcomes.push('done')
    } catch (error) {
      outcomes.push(String(error))
    }
  }
  const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 31) >> 3)
  const entries = [...fs.walkSync()].slice(1)
  entries.slice(0, 12).forEach(({ path, type }, i) => {
    attempt(() => fs.setAttributeSync(path, i, bytes(i)))
    if (type === 'file') attempt(() => fs.appendFileSync(path, bytes(50 * i)))
    if (i % 3 === 0) attempt(() => fs.renameSync(path, `/renamed${i}`))
    if (i % 4 === 1) attempt(() => fs.rmSync(path, { recursive: true }))
  })
  attempt(() => fs.mkdirSync('/made/in/one', { recursive: true }))
  for (let i = 0; i < 30; i++) attempt(() => fs.writeFileSync(`/made/in/${i}`, bytes(10 * i)))
  attempt(() => fs.renameSync('/made/in', '/in'))
  for (let i = 0; i < 30; i += 2) attempt(() => fs.removeSync(`/in/${i}`))
  attempt(() => {
    const handle = fs.openSync('/in/handle', { read: true, write: true, create: true })
    handle.writeSync(bytes(900))
    fs.readdirSync('/', { recursive: true })
    fs.writeFileSync('/in/beside', 'x')
    handle.seek(100)
    handle.writeSync(bytes(30))
    fs.dfSync()
    handle.syncSync()
    fs.renameSync('/in/handle', '/in/renamed')
    handle.truncateSync(500)
    handle.closeSync()
  })
  attempt(() => fs.truncateSync('/in/renamed', 400))
  attempt(() => fs.gcSync())
  return outcomes
}

describe('without memory for caches', () => {
  it('reading answers the same: every clean image of up to 120 entries', () => {
    for (const name of cleanNames) {
      if ((manifestOf(name).entries?.length ?? 0) > 120) continue
      const expected = pictureOf(ReferenceFS.mountSync(deviceOf(name)))
      expect(pictureOf(ReferenceFS.mountSync(deviceOf(name), NO_CACHE)), name).toEqual(expected)
    }
  })

  // What a walk met is found again by its place: a path would lead nowhere, or to another file.
  it.each(['corrupt-name-with-slash', 'corrupt-name-duplicate'])(
    '%s: a walk reads each',
    (name) => {
      const contents = (options: { memoryBudget?: number }) => {
        const fs = ReferenceFS.mountSync(deviceOf(name), options)
        const walked = [...fs.walkSync()].filter(({ type }) => type === 'file')
        return walked.map((entry) => `${entry.path} ${sha256(fs.readEntrySync(entry))}`)
      }
      const expected = contents({ memoryBudget: 1 << 24 })
      expect(expected.length).toBeGreaterThan(3)
      expect(contents(NO_CACHE)).toEqual(expected)
    },
  )

  it.each([
    'corrupt-none',
    'dir-100-entries-512',
    'rename-mix',
    'attrs',
    'churn-512-500',
    'superblock-expanded',
    'relocate-cycles-2',
    'diskver-2.0',
    'field-esp-idf-2.1',
    'prog-256',
    'random-tree-0',
  ])('writing answers the same, and leaves the same: %s', (name) => {
    const [device, small] = [deviceOf(name), deviceOf(name)]
    const fs = ReferenceFS.mountSync(device)
    const fsWithout = ReferenceFS.mountSync(small, NO_CACHE)
    expect(change(fsWithout)).toEqual(change(fs))
    const pictures = [
      fs,
      fsWithout,
      ReferenceFS.mountSync(device),
      ReferenceFS.mountSync(small),
    ].map((each) => pictureOf(each).slice(0, -1))
    for (const picture of pictures) expect(picture).toEqual(pictures[0])
    expect(fs.dfSync()).toEqual(fsWithout.dfSync())
    const { blockSize, blockCount, progSize, eraseValue } = manifestOf(name)
    const options = { blockSize, blockCount, progSize, eraseValue: Number(eraseValue) }
    expect(checkLittlefs(small.bytes, options)).toEqual([])
  })
})
