/** The commands of `repl`, one entry each. */

import { mkdir, readFile } from 'node:fs/promises'
import { basename, dirname, join, posix } from 'node:path'
import { compareBytes } from '@caravan/cli/host'
import type { Folder } from '../../image-tree.js'
import { Failure } from '../failure.js'
import type { FilenameEncoding } from '../filename-encoding.js'
import { namedIn } from '../image.js'
import { replaceFile, statsAt } from '../replace-file.js'
import type { Session } from './session.js'
import { splitWords } from './words.js'

interface Command {
  /** What stands behind its name. */
  readonly usage: string
  readonly help: string
  /** @param text all that stands behind the name. */
  run(session: Session, text: string): Promise<void>
}

/** Runs what a line says; nothing for an empty one. @throws Failure, CaravanError, Node's errors. */
export async function runCommand(session: Session, line: string): Promise<void> {
  const text = line.trim().replace(/^\?/, 'help ')
  if (text === '') return
  const name = /^\w*/.exec(text)?.[0] ?? ''
  const command = COMMANDS.get(name)
  if (command === undefined) {
    session.print(`*** Unknown syntax: ${text}\n`)
    return
  }
  await command.run(session, text.slice(name.length).trim())
}

const ls: Command = {
  usage: '[PATH]',
  help: 'lists a directory',
  async run(session, text) {
    for (const name of await namesIn(session, session.resolve(text))) session.print(`${name}\n`)
  },
}

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries<Command>({
    cat: {
      usage: 'PATH',
      help: 'prints the content of a file',
      async run(session, text) {
        const [path] = wordsOf('cat', text, 1)
        session.print(await contentOf(session, path as string))
      },
    },
    cd: {
      usage: '[PATH]',
      help: 'goes to a directory; without a path to the root',
      async run(session, text) {
        const target = text === '' ? '/' : session.resolve(text)
        const stats = await session.mounted.stat(session.encoded(target))
        if (!stats.isDirectory()) throw new Failure('USAGE', `'${target}' is no directory.`)
        session.directory = target
        session.print(`${target}\n`)
      },
    },
    dir: { ...ls, help: 'the same as ls' },
    exit: {
      usage: '',
      help: 'ends the session, as the end of the input does',
      async run(session) {
        session.isOver = true
      },
    },
    get: {
      usage: 'PATH [LOCAL]',
      help: 'copies a file of the image to this computer',
      async run(session, text) {
        const [path, local] = wordsOf('get', text, 1)
        const content = await contentOf(session, path as string)
        const name = posix.basename(session.resolve(path as string))
        const target = await localTarget(session, local ?? name, name)
        await mkdir(dirname(session.host(target)), { recursive: true })
        await replaceFile(session.host(target), [content], session.signal)
        session.print(`Got ${session.resolve(path as string)} -> ${target}\n`)
      },
    },
    help: {
      usage: '[COMMAND]',
      help: 'tells what a command does, or all of them',
      async run(session, text) {
        const shown = text === '' ? [...COMMANDS.keys()] : [text]
        for (const name of shown) {
          const command = COMMANDS.get(name)
          if (command === undefined) session.print(`*** No help on ${name}\n`)
          else session.print(`${`${name} ${command.usage}`.padEnd(22)}${command.help}\n`)
        }
      },
    },
    ls,
    mkdir: {
      usage: '[-p] PATH',
      help: 'makes a directory, with -p also those it is in',
      async run(session, text) {
        const { path, isSet } = flagAndPath('mkdir', '-p', text)
        const target = session.resolve(path)
        await session.mounted.mkdir(session.encoded(target), { recursive: isSet })
        session.print(`Created directory ${target}\n`)
      },
    },
    mount: {
      usage: '',
      help: 'mounts the filesystem again',
      async run(session) {
        await session.mount()
        session.print('Mounted remote littlefs.\n')
      },
    },
    mv: {
      usage: 'PATH NEW',
      help: 'renames or moves a file or a directory',
      async run(session, text) {
        const [from, to] = wordsOf('mv', text, 2).map((path) => session.resolve(path))
        await session.mounted.rename(session.encoded(from as string), session.encoded(to as string))
        if (`${session.directory}/`.startsWith(`${from}/`)) {
          session.directory = `${to}${session.directory.slice((from as string).length)}`
        }
        session.print(`Moved ${from} -> ${to}\n`)
      },
    },
    put: {
      usage: 'LOCAL [PATH]',
      help: 'copies a file of this computer into the image',
      async run(session, text) {
        const [local = '', path = ''] = wordsOf('put', text, 1)
        const content = await readFile(session.host(local))
        const isInDirectory = path === '' || path.endsWith('/')
        const target = session.resolve(isInDirectory ? path + basename(local) : path)
        const parent = session.encoded(posix.dirname(target))
        await session.mounted.mkdir(parent, { recursive: true })
        await session.mounted.writeFile(session.encoded(target), content)
        session.print(`Put ${local} -> ${target}\n`)
      },
    },
    pwd: {
      usage: '',
      help: 'prints the directory that paths are seen from',
      async run(session) {
        if (session.mounted) session.print(`${session.directory}\n`)
      },
    },
    rm: {
      usage: '[-r] PATH',
      help: 'removes a file or an empty directory, with -r also what is in it',
      async run(session, text) {
        const { path, isSet } = flagAndPath('rm', '-r', text)
        const target = session.resolve(path)
        if (isSet) await session.mounted.rm(session.encoded(target), { recursive: true })
        else await session.mounted.remove(session.encoded(target))
        session.print(`Removed ${target}\n`)
      },
    },
    tree: {
      usage: '[PATH]',
      help: 'prints all that is below a directory',
      async run(session, text) {
        const root = session.resolve(text)
        const lines = treeLines(await session.folderAt(root), session.encoding, '')
        session.print([root, ...lines].map((line) => `${line}\n`).join(''))
      },
    },
    unmount: {
      usage: '',
      help: 'unmounts the filesystem',
      async run(session) {
        await session.unmount()
        session.print('Unmounted remote littlefs.\n')
      },
    },
    xxd: {
      usage: 'PATH',
      help: 'prints the content of a file in hexadecimal',
      async run(session, text) {
        const [path] = wordsOf('xxd', text, 1)
        const content = await contentOf(session, path as string)
        for (let at = 0; at < content.length; at += BYTES_PER_LINE) {
          session.print(dumpLine(at, content.subarray(at, at + BYTES_PER_LINE)))
        }
      },
    },
  }),
)

/** @throws Failure for fewer than there must be. */
function wordsOf(name: string, text: string, least: number): string[] {
  const words = splitWords(text)
  if (words.length < least) throw wrongUse(name)
  return words
}

function flagAndPath(name: string, flag: string, text: string): { path: string; isSet: boolean } {
  const words = splitWords(text)
  const isSet = words[0] === flag
  const path = isSet ? words[1] : words[0]
  if (path === undefined) throw wrongUse(name)
  return { path, isSet }
}

function wrongUse(name: string): Failure {
  return new Failure('USAGE', `Usage: ${name} ${COMMANDS.get(name)?.usage}`)
}

async function contentOf(session: Session, path: string): Promise<Uint8Array> {
  return await session.mounted.readFile(session.encoded(session.resolve(path)))
}

async function namesIn(session: Session, path: string): Promise<string[]> {
  const names = await session.mounted.readdir(session.encoded(path), { encoding: 'buffer' })
  return names.map((name) => session.encoding.decode(name))
}

async function localTarget(session: Session, local: string, name: string): Promise<string> {
  const isDirectory = (await statsAt(session.host(local)))?.isDirectory() === true
  return isDirectory || /[/\\]$/.test(local) ? join(local, name) : local
}

function treeLines(folder: Folder, encoding: FilenameEncoding, before: string): string[] {
  const named = namedIn(folder, '', encoding).sort((a, b) =>
    compareBytes(Buffer.from(a.name), Buffer.from(b.name)),
  )
  return named.flatMap(({ name, folder: own }, index) => {
    const isLast = index === named.length - 1
    const line = `${before}${isLast ? '`-- ' : '|-- '}${name}`
    if (own === undefined) return [line]
    return [`${line}/`, ...treeLines(own, encoding, before + (isLast ? '    ' : '|   '))]
  })
}

const BYTES_PER_LINE = 16

/** `00000000: 68 65 6c 6c 6f ...  hello...` */
function dumpLine(offset: number, bytes: Uint8Array): string {
  const pairs = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
  const halves = [pairs.slice(0, 8), pairs.slice(8)].map((half) => half.join(' ').padEnd(23))
  const shown = Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
  )
  const hex = halves.join(' ').trimEnd().padEnd(48)
  return `${offset.toString(16).padStart(8, '0')}: ${hex}  ${shown.join('')}\n`
}
