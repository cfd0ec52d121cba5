/** What the shells are told: verbs, options, values, files, and paths within an image. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { argumentKind, valueKind } from '../src/completion/kinds.js'
import { parseShellLine, quoted } from '../src/completion/shell-line.js'
import { describedProgram } from '../src/main.js'
import { flashDump } from './dumps.js'
import { caravan, freshPath, goldenImage, imageFile } from './harness.js'

/** The lines of an answer, the first of which says what else may stand there. */
async function answer(...words: string[]) {
  const { code, out, err } = await caravan(['__complete', 'zsh', '--', ...words])
  expect([code, err]).toEqual([0, ''])
  const [files, ...lines] = out.split('\n').slice(0, -1)
  return { files, words: lines.map((line) => line.split('\t')[0] ?? '') }
}

describe('the tables of what stands where', () => {
  const verbs = (command: Command): Command[] =>
    command.commands.flatMap((each) => [each, ...verbs(each)])

  it('have every argument and every value of an option', () => {
    const missing: string[] = []
    for (const verb of verbs(describedProgram()).filter(({ commands }) => commands.length === 0)) {
      if (verb.name() === '__complete') continue
      for (const argument of verb.registeredArguments) {
        if (argumentKind(verb, argument) === undefined)
          missing.push(`${verb.name()} ${argument.name()}`)
      }
      for (const option of verb.options.filter(({ required }) => required)) {
        if (valueKind(option) === undefined) missing.push(`${verb.name()} ${option.flags}`)
      }
    }
    expect(missing).toEqual([])
  })

  it('say of what they do not know that there is none', () => {
    const verb = new Command('new').argument('<thing>').option('--other <thing>')
    expect(verb.registeredArguments.map((each) => argumentKind(verb, each))).toEqual([undefined])
    expect(verb.options.map((each) => valueKind(each))).toEqual([undefined])
  })
})

describe('words', () => {
  it('are verbs first', async () => {
    const { files, words } = await answer('')
    expect(files).toBe('none')
    expect(words).toEqual(expect.arrayContaining(['ls', 'git', 'check', 'completion', 'help']))
    expect(words).not.toContain('__complete')
    expect((await answer('mi')).words).toEqual(['migrate'])
  })

  it('are verbs of a verb', async () => {
    expect((await answer('git', '')).words).toEqual(['make', 'verify'])
    expect((await answer('kv', 'm')).words).toEqual(['modified', 'mv'])
    expect((await answer('help', 'kv', 'd')).words).toEqual(['digest'])
    expect((await answer('help', 'nope', '')).words).toEqual([])
  })

  it('are options behind a dash, and none behind --', async () => {
    expect((await answer('ls', 'flash.img', '--rec')).words).toEqual(['--recursive'])
    expect((await answer('ls', '-')).words).toContain('--help')
    expect(await answer('ls', '--', '-')).toEqual({ files: 'files', words: [] })
  })

  it('are values of an option', async () => {
    expect((await answer('create', '--disk-version', '')).words).toEqual(['2.0', '2.1'])
    expect((await answer('create', '--disk-version=')).words).toEqual([
      '--disk-version=2.0',
      '--disk-version=2.1',
    ])
    expect((await answer('migrate', '--times', 'n')).words).toEqual(['ns', 'nuttx'])
    expect((await answer('pack', '--for-family', 'rp2040')).words).toEqual(['rp2040'])
    expect((await answer('touch', '--mtime', '')).words).toEqual([])
    expect((await answer('create', '--mtime', '')).words).toEqual(['none', 'file'])
    expect(await answer('create', '--metadata', '')).toEqual({ files: 'files', words: [] })
    expect((await answer('ls', '--json', '')).files).toBe('files')
  })

  it('are profiles, those of a file too', async () => {
    const config = freshPath()
    writeFileSync(config, '[profiles.my-board]\nlike = "esp-idf"\n')
    expect((await answer('create', '--profile', 'esp-idf')).words).toEqual([
      'esp-idf',
      'esp-idf-2.0',
    ])
    expect((await answer('create', '--config', config, '--profile', 'my')).words).toEqual([
      'my-board',
    ])
  })

  it('are partitions of the dump that is named', async () => {
    const dump = imageFile(await flashDump(), 'dump')
    expect((await answer('ls', dump, '--partition', 's')).words).toEqual(['settings', 'storage'])
    expect((await answer('ls', '--partition', 's')).words).toEqual([])
  })

  it('are files, directories, or nothing, by the argument', async () => {
    expect((await answer('ls', '')).files).toBe('files')
    expect((await answer('extract', 'flash.img', '')).files).toBe('directories')
    expect((await answer('create', '')).files).toBe('directories')
    expect((await answer('grow', 'flash.img', '')).files).toBe('none')
    expect((await answer('df', 'flash.img', '')).files).toBe('none')
    expect((await answer('nope', '')).files).toBe('none')
  })
})

describe('paths within an image', () => {
  const image = goldenImage('field-esp-idf-2.1')

  it('are those of the directory that is named so far', async () => {
    const all = (await answer('ls', image, '/')).words
    expect(all.length).toBeGreaterThan(1)
    const directory = all.find((word) => word.endsWith('/')) ?? ''
    const below = (await answer('cat', image, directory)).words
    expect(below.length).toBeGreaterThan(0)
    for (const word of below) expect(word.startsWith(directory)).toBe(true)
    // From the root on, with or without a slash before it, as paths are given.
    const relative = (await answer('cat', image, directory.slice(1))).words
    expect(relative).toEqual(below.map((word) => word.slice(1)))
  })

  it('are found where the options say', async () => {
    const dump = imageFile(await flashDump(), 'dump')
    const { words } = await answer('ls', '--partition', 'storage', dump, '/')
    expect(words.length).toBeGreaterThan(0)
    expect((await answer('ls', '--partition', 'nvs', dump, '/')).words).toEqual([])
    expect((await answer('ls', '--partition', dump, '/')).words).toEqual([])
  })

  it('of put come last', async () => {
    expect(await answer('put', image, '/')).toEqual({ files: 'files', words: [] })
    expect((await answer('put', image, 'config.json', '')).files).toBe('files')
    const { files, words } = await answer('put', image, 'config.json', '/')
    expect(files).toBe('none')
    expect(words).toEqual((await answer('ls', image, '/')).words)
  })

  it('that are not text are offered in percent notation, where that is asked for', async () => {
    const tree = freshPath()
    mkdirSync(tree)
    writeFileSync(Buffer.concat([Buffer.from(join(tree, 'caf')), Buffer.of(0xe9)]), '')
    writeFileSync(join(tree, 'line\nbreak'), '')
    writeFileSync(join(tree, '100%'), '')
    const names = `${freshPath()}.img`
    await caravan(['create', '-q', '--size', '64K', tree, names])
    expect((await answer('cat', names, '/')).words).toEqual(['/100%'])
    expect((await answer('cat', '--escaped', names, '/')).words).toEqual([
      '/100%25',
      '/caf%E9',
      '/line%0Abreak',
    ])
  })

  it('are none where there is no image, or it is damaged', async () => {
    for (const name of ['/nowhere', '-', '/', imageFile(Buffer.alloc(4096, 1), 'noise')]) {
      expect(await answer('ls', name, '/')).toEqual({ files: 'none', words: [] })
    }
    const damaged = goldenImage('corrupt-child-both-crc-bad')
    expect((await answer('ls', damaged, '/docs/')).words).toEqual([])
  })

  it('are none where an option cannot be', async () => {
    // commander says so on standard error, which the scripts do not show.
    const argv = ['__complete', 'zsh', '--', 'ls', '--block-size', 'many', image, '/']
    expect(await caravan(argv)).toMatchObject({ code: 0, out: 'none\n' })
  })

  it('are not asked of the network', async () => {
    let asked = 0
    const server = createServer((_, response) => {
      asked++
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    expect((await answer('ls', `http://127.0.0.1:${port}/flash.img`, '/')).words).toEqual([])
    await new Promise((resolve) => server.close(resolve))
    expect(asked).toBe(0)
  })
})

describe('a line of bash', () => {
  const BREAKS = ' \t\n"\'><=;|&(:'

  it.each([
    ['caravan ls ', ['caravan', 'ls', ''], ''],
    ['caravan  ls\tfla', ['caravan', 'ls', 'fla'], ''],
    ['caravan ls my\\ dir', ['caravan', 'ls', 'my dir'], ''],
    [`caravan ls 'a b' "c\\"d`, ['caravan', 'ls', 'a b', 'c"d'], '"'],
    [`caravan ls 'a\\b`, ['caravan', 'ls', 'a\\b'], "'"],
    ['caravan ls $(rm x) `y`', ['caravan', 'ls', '$(rm', 'x)', '`y`'], ''],
    ['caravan ls a\\', ['caravan', 'ls', 'a'], ''],
  ])('%s', (line, words, quote) => {
    expect(parseShellLine(line, BREAKS)).toMatchObject({ words, quote })
  })

  it('is replaced behind the last break', () => {
    expect(parseShellLine('caravan ls --format=li', BREAKS).keptLength).toBe(9)
    expect(parseShellLine('caravan ls --format=li', ' ').keptLength).toBe(0)
    expect(parseShellLine('caravan ls a:b c', BREAKS).keptLength).toBe(0)
    expect(parseShellLine('caravan ls "a:b', BREAKS).keptLength).toBe(0)
  })

  it('takes back what it quotes', () => {
    for (const text of ['a b', "it's", '$x"`\\', '~home', 'grün', 'a*b?[c]{d}#e!']) {
      const plain = parseShellLine(`x ${quoted(text, '')}`, '').words
      expect(plain).toEqual(['x', text])
      expect(parseShellLine(`x "${quoted(text, '"')}"`, '').words).toEqual(['x', text])
      expect(parseShellLine(`x '${quoted(text, "'")}'`, '').words).toEqual(['x', text])
    }
  })
})

describe('caravan completion', () => {
  it.each(['bash', 'zsh', 'fish'])('prints the script of %s', async (shell) => {
    const { code, out } = await caravan(['completion', shell])
    expect(code).toBe(0)
    expect(out).toContain(`caravan __complete ${shell} --`)
  })

  it('names the shells that it knows', async () => {
    const { code, err } = await caravan(['completion', 'csh'])
    expect([code, err]).toEqual([2, expect.stringContaining('bash, zsh, fish')])
  })
})
