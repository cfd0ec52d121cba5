/** The command line of littlefs-python: its options, their defaults and what is said about them. */

import type { Commands, Option, Parser, Positional, ValueType } from './argparse/parser.js'
import { pythonInt } from './argparse/python-text.js'

/** The release whose command line this is, and what `--version` prints. */
const VERSION = '0.19.0'

const PROG = 'littlefs-python'

/** Powers of 1024 by their suffixes; `b` alone is for bytes. */
const SUFFIXES: readonly (readonly [suffix: string, factor: bigint])[] = [
  ['kb', 1024n],
  ['mb', 1024n ** 2n],
  ['gb', 1024n ** 3n],
  ['b', 1n],
  ['', 1n],
]

/** `65536`, `0x10000`, `64kb`, `1MB`: named as the original's messages name it. */
const SIZE: ValueType = {
  name: 'size_parser',
  parse(text) {
    const lower = text.toLowerCase()
    const isHex = lower.startsWith('0x')
    const rest = isHex ? lower.slice(2) : lower
    const found = SUFFIXES.find(([suffix]) => rest.endsWith(suffix))
    const [suffix, factor] = found as (typeof SUFFIXES)[number]
    const count = pythonInt(rest.slice(0, rest.length - suffix.length), isHex ? 16 : 10)
    return count === undefined ? undefined : count * factor
  },
}

const INTEGER: ValueType = { name: 'int', parse: (text) => pythonInt(text, 10) }

const HELP: Option = {
  dest: 'help',
  flags: ['-h', '--help'],
  action: 'help',
  help: 'show this help message and exit',
}

const COMMON: readonly Option[] = [
  HELP,
  { dest: 'verbose', flags: ['-v', '--verbose'], action: 'count', default: 0 },
  {
    dest: 'name_max',
    flags: ['--name-max'],
    action: 'store',
    type: SIZE,
    default: 255n,
    help: "LittleFS max file path length. Defaults to LittleFS's default (255).",
  },
  {
    dest: 'attr_max',
    flags: ['--attr-max'],
    action: 'store',
    type: INTEGER,
    default: 0n,
    help: "Max custom attribute size per file. Defaults to LittleFS's default (0 = use library default).",
  },
  {
    dest: 'file_max',
    flags: ['--file-max'],
    action: 'store',
    type: INTEGER,
    default: 0n,
    help: "Max number of open files. Defaults to LittleFS's default (0 = use library default).",
  },
  {
    dest: 'inline_max',
    flags: ['--inline-max'],
    action: 'store',
    type: SIZE,
    default: 0n,
    help: 'Max inline file size; 0 = use library default. Limiting can improve flash usage.',
  },
  {
    dest: 'filename_encoding',
    flags: ['--filename-encoding'],
    action: 'store',
    help: 'Encoding for filenames stored in the image. Defaults to utf-8. Use e.g. latin-1 or shift-jis for images whose names use a different encoding.',
  },
]

const BLOCK_SIZE: Option = {
  dest: 'block_size',
  flags: ['--block-size'],
  action: 'store',
  type: SIZE,
  isRequired: true,
  help: 'LittleFS block size.',
}

function source(help: string): Positional {
  return { dest: 'source', takes: 'one', help }
}

function destination(initial: string, help: string): Positional {
  return { dest: 'destination', takes: 'optional', default: initial, help }
}

const CREATE: Parser['args'] = [
  source('Source file/directory-of-files to encode into a littlefs filesystem.'),
  destination('lfs.bin', 'Output LittleFS filesystem binary image.'),
  BLOCK_SIZE,
  {
    dest: 'compact',
    flags: ['--compact'],
    action: 'store_true',
    default: false,
    help: 'Store all data in the beginning blocks.',
  },
  {
    dest: 'no_pad',
    flags: ['--no-pad'],
    action: 'store_true',
    default: false,
    help: 'Do not pad the binary to-size with 0xFF. Only valid with --compact.',
  },
  {
    dest: 'block_count',
    flags: ['--block-count'],
    action: 'store',
    type: INTEGER,
    help: 'LittleFS block count',
  },
  {
    dest: 'fs_size',
    flags: ['--fs-size'],
    action: 'store',
    type: SIZE,
    help: 'LittleFS filesystem size. Accepts byte units; e.g. 1MB and 1048576 are equivalent.',
  },
]

const IMAGE = source('Source LittleFS filesystem binary.')

const EXTRACT: Parser['args'] = [
  IMAGE,
  destination('.', 'Destination directory. Defaults to current directory.'),
  BLOCK_SIZE,
]

function command(
  name: string,
  help: string,
  args: Parser['args'],
  exclusive?: readonly string[],
): Commands['choices'][number] {
  const parser = { prog: `${PROG} ${name}`, args: [...COMMON, ...args] }
  return { name, help, parser: exclusive === undefined ? parser : { ...parser, exclusive } }
}

export const COMMAND_LINE: Parser = {
  prog: PROG,
  description:
    "Create, extract and inspect LittleFS filesystem images. Use one of the commands listed below, the '-h' / '--help' option can be used on each command to learn more about the usage.",
  version: VERSION,
  args: [
    HELP,
    {
      dest: 'version',
      flags: ['--version'],
      action: 'version',
      help: "show program's version number and exit",
    },
    {
      dest: 'command',
      takes: 'command',
      title: 'Available Commands',
      choices: [
        command('create', 'Create LittleFS image from file/directory contents.', CREATE, [
          'block_count',
          'fs_size',
        ]),
        command('extract', 'Extract LittleFS image contents to a directory.', EXTRACT),
        command('list', 'List LittleFS image contents.', [IMAGE, BLOCK_SIZE]),
        command('repl', 'Inspect an existing LittleFS image through an interactive shell.', [
          IMAGE,
          BLOCK_SIZE,
        ]),
      ],
    },
  ],
}
