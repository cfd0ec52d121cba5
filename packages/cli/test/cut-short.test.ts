/**
 * Writing that is cut short: by Ctrl-C, by kill -9, by another writer.
 *
 * The stories behind it: a packer that writes straight into its target leaves half an image under
 * the right name when the build is stopped, and the next step flashes it. An editor that rewrites
 * an image leaves neither the old one nor the new one when the machine goes down.
 */

import {
  closeSync,
  copyFileSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { caravan, freshPath } from './harness.js'
import { hostTree, soundTree } from './images.js'
import { locked, start, until } from './processes.js'

const CUT = { allowTornCommits: true, allowOrphans: true, allowPendingMove: true }

describe.skipIf(process.platform === 'win32')('Ctrl-C while a big tree is packed', () => {
  const big = hostTree({ a: 'a' })
  for (let i = 0; i < 8; i++) {
    const fd = openSync(join(big, `file-${i}`), 'w')
    ftruncateSync(fd, 6 << 20)
    closeSync(fd)
  }

  test('leaves no file when it is written', async () => {
    const holder = freshPath()
    mkdirSync(holder)
    const image = join(holder, 'flash.img')
    const { code, err } = await start(['create', '--size', '64M', big, image], {
      onStart: ({ kill }) => {
        void until(() => readdirSync(holder).length > 0).then(() => kill('SIGINT'))
      },
    })
    expect(err).toContain('interrupted')
    expect(code).toBe(130)
    expect(readdirSync(holder)).toEqual([])
  })

  test('leaves the image that was there, and no lock, when it is built', async () => {
    const holder = freshPath()
    mkdirSync(holder)
    const image = join(holder, 'flash.img')
    await caravan(['create', '--size', '64K', hostTree({ old: 'old' }), image])
    const { code } = await start(['create', '--force', '--size', '64M', big, image], {
      onStart: ({ kill }) => void locked(image).then(() => kill('SIGINT')),
    })
    expect(code).toBe(130)
    expect(readdirSync(holder)).toEqual(['flash.img'])
    expect(soundTree(image)).toEqual({ '/old': 'old' })
  })
})

// Dozens of processes: time for a busy machine.
describe.skipIf(process.platform === 'win32')('kill -9', { timeout: 120_000 }, () => {
  test('of put: the old file or the new one', async () => {
    const [old, young] = ['a'.repeat(3_000_000), 'b'.repeat(3_000_000)]
    const base = freshPath()
    await caravan(['create', '--size', '8M', hostTree({ file: old, other: 'other' }), base])
    const source = join(hostTree({ source: young }), 'source')
    const seen = { old: 0, new: 0 }
    for (let laterMs = 0; laterMs < 120; laterMs += 12) {
      const image = freshPath()
      copyFileSync(base, image)
      await start(['put', image, source, '/file'], {
        onStart: ({ kill }) => void locked(image, laterMs).then(() => kill('SIGKILL')),
      })
      const { '/file': content, ...others } = soundTree(image, CUT)
      expect(others).toEqual({ '/other': 'other' })
      expect(content === old || content === young).toBe(true)
      seen[content === old ? 'old' : 'new']++
      // Who comes next takes over the lock that was left, and tidies up.
      expect(await caravan(['put', image, source, '/file'])).toMatchObject({ code: 0, err: '' })
      expect(soundTree(image)['/file'] === young).toBe(true)
    }
    expect(seen.old).toBeGreaterThan(0)
  })

  test('of put -r: each file the old one or the new one', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `d${i % 5}/file-${i}`)
    const files = (letter: string) =>
      Object.fromEntries(names.map((name, i) => [name, letter.repeat(50 + 500 * i)]))
    const base = freshPath()
    await caravan(['create', '--size', '2M', hostTree(files('a')), base])
    const tree = hostTree({ ...files('b'), 'more/new': 'new' })
    for (let laterMs = 0; laterMs < 100; laterMs += 10) {
      const image = freshPath()
      copyFileSync(base, image)
      await start(['put', '-r', image, `${tree}/.`, '/'], {
        onStart: ({ kill }) => void locked(image, laterMs).then(() => kill('SIGKILL')),
      })
      const found = soundTree(image, CUT)
      for (const [i, name] of names.entries()) {
        const content = found[`/${name}`]
        const isWhole = ['a', 'b'].some((letter) => content === letter.repeat(50 + 500 * i))
        expect({ name, isWhole }).toEqual({ name, isWhole: true })
      }
      expect((await caravan(['put', '-r', image, `${tree}/.`, '/'])).code).toBe(0)
      expect(soundTree(image)).toMatchObject({
        '/more/new': 'new',
        [`/${names[7]}`]: 'b'.repeat(3550),
      })
    }
  })

  test('of grow, at any moment', async () => {
    const base = freshPath()
    await caravan(['create', '--size', '64K', hostTree({ file: 'file' }), base])
    for (let laterMs = 0; laterMs < 60; laterMs += 12) {
      const image = freshPath()
      copyFileSync(base, image)
      await start(['grow', image, '32M'], {
        onStart: ({ kill }) => void locked(image, laterMs).then(() => kill('SIGKILL')),
      })
      expect(soundTree(image, CUT)).toEqual({ '/file': 'file' })
      expect((await caravan(['grow', image, '32M'])).code).toBe(0)
      expect(soundTree(image)).toEqual({ '/file': 'file' })
    }
  })
})

describe.skipIf(process.platform === 'win32')('kill -9 of what moves blocks', () => {
  test.each([
    ['shrink', '--minimum'],
    ['defrag', '-q'],
  ])(
    'of %s: every file whole, and once more finishes',
    { timeout: 120_000 },
    async (verb, option) => {
      const base = freshPath()
      const files = Object.fromEntries(
        Array.from({ length: 30 }, (_, i) => [`d${i % 4}/${i}`, `${i}`.repeat(300 * i + 1)]),
      )
      await caravan(['create', '-q', '--block-size', '512', '--size', '1M', hostTree(files), base])
      // So that there is something to move.
      await caravan(['rm', base, '/d0/0', '/d3/3', '/d2/6', '/d0/12', '/d3/15', '/d1/21'])
      const tree = soundTree(base, { blockSize: 512 })
      const writtenAt = (path: string) => statSync(path, { bigint: true }).mtimeNs
      for (const laterMs of [0, 10]) {
        const image = freshPath()
        copyFileSync(base, image)
        const copiedAt = writtenAt(image)
        await start([verb, option, image], {
          onStart: ({ kill }) => {
            void until(() => writtenAt(image) !== copiedAt).then(() =>
              setTimeout(() => kill('SIGKILL'), laterMs),
            )
          },
        })
        expect(writtenAt(image)).not.toBe(copiedAt)
        expect(soundTree(image, { blockSize: 512, ...CUT })).toEqual(tree)
        expect(await caravan([verb, option, image])).toMatchObject({ code: 0 })
        expect(soundTree(image, { blockSize: 512 })).toEqual(tree)
      }
    },
  )
})

test('of two writers one is refused, and told who writes', async () => {
  const image = freshPath()
  await caravan(['create', '--size', '64K', hostTree({ old: 'old' }), image])
  const file = freshPath()
  writeFileSync(file, 'second')
  let refused: { code: number; err: string } | undefined
  let pid: number | undefined
  const first = await start(['put', image, '-', '/first'], {
    keepsInput: true,
    onStart: async (running) => {
      pid = running.pid
      await locked(image)
      refused = await caravan(['put', image, file, '/second'])
      expect((await caravan(['cat', image, '/old'])).out).toBe('old')
      running.endInput()
    },
  })
  expect(first).toMatchObject({ code: 0, err: '' })
  expect(refused?.code).toBe(1)
  expect(refused?.err).toContain(`is open for writing by process ${pid}`)
  expect(soundTree(image)).toEqual({ '/old': 'old', '/first': '' })
  expect((await caravan(['put', image, file, '/second'])).code).toBe(0)
  expect(readFileSync(image).length).toBe(65_536)
  expect(soundTree(image)).toMatchObject({ '/second': 'second' })
})
