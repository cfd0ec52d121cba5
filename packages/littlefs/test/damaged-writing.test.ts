/** Changing a damaged image: an answer or a typed error, and nothing else harmed. */

import { runSync } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { describe, expect, it } from 'vitest'
import { findEntry } from '../src/directory.js'
import type { Struct } from '../src/format/metadata-log.js'
import { ReferenceFS } from '../src/index.js'
import { mountVolume } from '../src/mount.js'
import { parsePath } from '../src/path.js'
import { setContent } from '../src/tree-change.js'
import { deviceOf } from './golden-images.js'

/** Gives an entry the struct of another thing, with a good CRC. */
function damage(device: MemoryDevice, path: string, struct: Struct): void {
  const volume = runSync(mountVolume(device.geometry), device)
  const change = volume.change('open', function* () {
    const entry = yield* findEntry(volume, parsePath(path, 'open'), 'open')
    if (entry !== undefined) yield* setContent(volume, entry, { ...entry.content, struct })
  })
  runSync(change, device)
}

describe('a directory that leads back to one that it lies in', () => {
  const looped = (pairOf: string | undefined) => {
    const device = new MemoryDevice({ blockSize: 512, blockCount: 64 })
    ReferenceFS.formatSync(device)
    const fs = ReferenceFS.mountSync(device)
    fs.mkdirSync('/top/loop', { recursive: true })
    fs.writeFileSync('/keep', 'at the root')
    fs.writeFileSync('/top/file', 'in the top')
    const metadata = fs.blockUseSync().filter((use) => use.path === pairOf)
    const [a, b] = metadata.map((use) => use.block)
    damage(device, '/top/loop', { kind: 'directory', pair: [a as number, b as number] })
    return ReferenceFS.mountSync(device)
  }

  // It once emptied the root, then went down the loop until memory ended.
  it.each(['/', '/top'])('to %s is not removed, nor is what lies there', (target) => {
    const fs = looped(target)
    expect(() => fs.rmSync('/top/loop', { recursive: true })).toThrow(
      expect.objectContaining({ code: 'DIRECTORY_LOOP' }),
    )
    expect(fs.readFileSync('/keep', 'utf8')).toBe('at the root')
    expect(fs.readFileSync('/top/file', 'utf8')).toBe('in the top')
  })
})

describe('a directory that is not on the list of pairs: corrupt-tail-cut', () => {
  // The move's end was noted where nobody adds it up, and the next mount did it again, to another file.
  it('nothing is moved out of it or into it, and nothing is lost', () => {
    const device = deviceOf('corrupt-tail-cut')
    const fs = ReferenceFS.mountSync(device)
    const before = [...fs.walkSync()].map(({ path }) => path)
    const refused = expect.objectContaining({ code: 'NOT_THREADED' })
    expect(() => fs.renameSync('/docs/in', '/moved')).toThrow(refused)
    expect(() => fs.renameSync('/note', '/docs/note')).toThrow(refused)
    fs.writeFileSync('/after', 'x')
    const after = [...ReferenceFS.mountSync(device).walkSync()].map(({ path }) => path)
    expect(after.filter((path) => path !== '/after')).toEqual(before)
  })
})
