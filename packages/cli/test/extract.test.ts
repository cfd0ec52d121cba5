/**
 * `caravan extract`: everything comes out as it was, and nothing comes out where it should not.
 *
 * The story behind the attacks: an image from a stranger holds a file named `../../.ssh/keys`, or
 * the directory that is extracted into holds a link to the user's home. An extractor that joins
 * names to a path writes there.
 */

import { createHash } from 'node:crypto'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { replaceName } from '@caravan/testkit'
import { describe, expect, test } from 'vitest'
import {
  caravan,
  freshPath,
  goldenBytes,
  goldenImage,
  goldenManifest,
  imageFile,
  Sink,
} from './harness.js'

/** Everything below a directory, sorted, directories with a slash. */
function below(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name).slice(directory.length + 1)
      return entry.isDirectory() ? `${path}/` : path
    })
    .sort()
}

/** A target directory, alone in a directory of its own: what gets out of it shows. */
function freshTarget(): { around: string; target: string } {
  const around = freshPath()
  mkdirSync(around)
  return { around, target: join(around, 'out') }
}

describe('a good image', () => {
  test.each(['field-esp-idf-2.1', 'names-utf8', 'random-tree-0', 'dir-30-levels'])(
    '%s comes out whole',
    async (name) => {
      const { target } = freshTarget()
      const { code, err } = await caravan(['extract', goldenImage(name), target])
      expect(err).toBe('')
      expect(code).toBe(0)
      const expected = goldenManifest(name).entries
      const paths = expected
        .slice(1)
        .map(({ path, type }) => path.slice(1) + (type === 'dir' ? '/' : ''))
      expect(below(target)).toEqual(paths.sort())
      for (const { path, sha256 } of expected) {
        if (sha256 === null) continue
        const hash = createHash('sha256').update(readFileSync(join(target, path)))
        expect(hash.digest('hex')).toBe(sha256)
      }
    },
  )

  test('tells how much, and keeps the times', async () => {
    const { target } = freshTarget()
    const { out } = await caravan(['extract', goldenImage('field-esp-idf-2.1'), target])
    expect(out).toBe(`7 files and 4 directories, 25.3 KiB, in ${target}\n`)
    const { mtime } = statSync(join(target, 'cfg/wifi.json'))
    expect(mtime.toISOString()).toBe('2023-11-14T22:13:20.000Z')
  })

  test('one directory, one file', async () => {
    const image = goldenImage('field-esp-idf-2.1')
    const { target } = freshTarget()
    await caravan(['extract', image, target, '/www'])
    expect(below(target)).toEqual([
      'img/',
      'img/logo.png',
      'index.html',
      'js/',
      'js/app.js',
      'style.css',
    ])
    const { target: another } = freshTarget()
    await caravan(['extract', image, another, '/www/style.css'])
    expect(below(another)).toEqual(['style.css'])
  })

  test('what is already there stays, unless --force', async () => {
    const image = goldenImage('field-esp-idf-2.1')
    const { target } = freshTarget()
    mkdirSync(target)
    writeFileSync(join(target, 'boot_count'), 'mine')
    const first = await caravan(['extract', image, target])
    expect(first.code).toBe(1)
    expect(first.err).toContain('/boot_count: already there. Use --force to replace it.')
    expect(first.err).toContain('1 entry left out')
    expect(readFileSync(join(target, 'boot_count'), 'utf8')).toBe('mine')
    const second = await caravan(['extract', '--force', image, target])
    expect(second.code).toBe(0)
    expect(readFileSync(join(target, 'boot_count'), 'utf8')).not.toBe('mine')
  })

  test('progress on a terminal, and none left at the end', async () => {
    const { target } = freshTarget()
    const stderr = new Sink(60)
    await caravan(['extract', goldenImage('random-tree-0'), target], { stderr })
    const drawn = stderr.bytes.toString()
    expect(drawn).toMatch(/\r\[[#.]{20}\] +\d+% {2}/)
    expect(drawn.endsWith('\r\x1b[K')).toBe(true)
  })
})

describe('hostile names', () => {
  const good = goldenBytes('corrupt-none')
  const attacks: [string, Uint8Array, string, string][] = [
    ['a file above', replaceName(good, 512, 'note', '../x'), '..%2Fx', "has a '/' in it"],
    ['an absolute path', replaceName(good, 512, 'note', '/x/y'), '%2Fx%2Fy', "has a '/' in it"],
    ['a NUL byte', replaceName(good, 512, 'note', 'n\0te'), 'n%00te', 'has a NUL byte in it'],
    ['a directory above', replaceName(good, 512, 'docs', '../d'), '..%2Fd/', "has a '/' in it"],
    ['the parent', replaceName(good, 512, 'in', '..'), 'docs/%2E%2E', "'..' means a directory"],
    ['itself', replaceName(good, 512, 'x', '.'), 'logs/%2E', "'.' means a directory"],
  ]

  test.each(attacks)('%s is reported and left out', async (name, bytes, _kept, reason) => {
    const { around, target } = freshTarget()
    const { code, err } = await caravan(['extract', imageFile(bytes, name), target])
    expect(code).toBe(1)
    expect(err).toContain(reason)
    expect(err).toContain('--escape-names keeps it in percent notation')
    expect(readdirSync(around)).toEqual(['out'])
    expect(below(target).join()).not.toMatch(/%|\.\./)
    expect(below(target)).toContain('big.bin')
  })

  test.each(attacks)('%s stays inside with --escape-names', async (name, bytes, kept) => {
    const { around, target } = freshTarget()
    const { code, err } = await caravan([
      'extract',
      '--escape-names',
      imageFile(bytes, name),
      target,
    ])
    expect(readdirSync(around)).toEqual(['out'])
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(below(target)).toContain(kept)
  })

  test('a percent sign stays what it is, or is escaped with the others', async () => {
    const image = imageFile(replaceName(good, 512, 'note', 'a%2F'), 'percent')
    const { target } = freshTarget()
    await caravan(['extract', image, target])
    expect(below(target)).toContain('a%2F')
    const { target: escaped } = freshTarget()
    await caravan(['extract', '--escape-names', image, escaped])
    expect(below(escaped)).toContain('a%252F')
  })

  test.runIf(process.platform === 'linux')(
    'bytes that are no text stay the same bytes',
    async () => {
      const name = Uint8Array.of(0xff, 0x6f, 0x74, 0x65)
      const image = imageFile(replaceName(good, 512, 'note', name), 'bytes')
      const { target } = freshTarget()
      const { code } = await caravan(['extract', image, target])
      expect(code).toBe(0)
      expect(readdirSync(target, { encoding: 'buffer' }).some((found) => found.equals(name))).toBe(
        true,
      )
    },
  )

  test('two entries of one name do not become one file', async () => {
    const { target } = freshTarget()
    const { code, err } = await caravan(['extract', goldenImage('corrupt-name-duplicate'), target])
    expect(code).toBe(1)
    expect(err).toContain('/docs: this computer takes its name for that of an entry')
  })
})

describe('a hostile target', () => {
  const image = goldenImage('corrupt-none')

  test('a link where a directory belongs is not followed', async () => {
    const { around, target } = freshTarget()
    const victim = join(around, 'victim')
    mkdirSync(victim)
    mkdirSync(target)
    symlinkSync(victim, join(target, 'docs'))
    const { code, err } = await caravan(['extract', '--force', image, target])
    expect(code).toBe(1)
    expect(err).toContain('/docs: ')
    expect(err).toContain('is a link, which is not followed')
    expect(readdirSync(victim)).toEqual([])
    expect(below(target)).toContain('logs/x')
  })

  test('a link where a file belongs is replaced, not written through', async () => {
    const { around, target } = freshTarget()
    const victim = join(around, 'victim')
    writeFileSync(victim, 'precious')
    mkdirSync(target)
    symlinkSync(victim, join(target, 'note'))
    const refused = await caravan(['extract', image, target])
    expect(refused.code).toBe(1)
    expect(lstatSync(join(target, 'note')).isSymbolicLink()).toBe(true)
    const forced = await caravan(['extract', '--force', image, target])
    expect(forced.code).toBe(0)
    expect(lstatSync(join(target, 'note')).isFile()).toBe(true)
    expect(readFileSync(victim, 'utf8')).toBe('precious')
  })

  test('a file where a directory belongs, and the other way round', async () => {
    const { target } = freshTarget()
    mkdirSync(join(target, 'note'), { recursive: true })
    writeFileSync(join(target, 'docs'), '')
    const { code, err } = await caravan(['extract', '--force', image, target])
    expect(code).toBe(1)
    expect(err).toContain('docs is in the way and is no directory')
    expect(err).toContain('/note: a directory of this name is in the way')
    expect(err).toContain('4 entries left out')
  })

  test('a target that is a file', async () => {
    const target = freshPath()
    writeFileSync(target, '')
    const { code, err } = await caravan(['extract', image, target])
    expect(code).toBe(1)
    expect(err).toContain(target)
  })
})

describe('nothing half-made', () => {
  test('a damaged file is reported and not there, the others are', async () => {
    const { target } = freshTarget()
    const { code, err } = await caravan([
      'extract',
      goldenImage('corrupt-ctz-head-out-of-range'),
      target,
    ])
    expect(code).toBe(1)
    expect(err).toContain('/big.bin: damaged: ')
    expect(below(target)).toEqual(['docs/', 'docs/in', 'docs/two', 'logs/', 'logs/x', 'note'])
  })

  test('after an interruption', async () => {
    const { target } = freshTarget()
    const stop = new AbortController()
    const image = goldenImage('random-tree-0')
    // The progress is drawn while a file is being written.
    const stderr = new Sink(80, () => stop.abort())
    const { code } = await caravan(['extract', image, target], { stderr, signal: stop.signal })
    expect(code).toBe(130)
    expect(stderr.bytes.toString()).toContain('caravan: interrupted.')
    expect(below(target).filter((path) => path.includes('.part'))).toEqual([])
  })
})
