/**
 * What `caravan build` makes, from `caravan.toml` or the field `caravan` of a package.json:
 *
 *     [image]                      # several: [[image]]
 *     output = "build/www.img"
 *     source = "www"               # several: sources = ["www", {from = "site.json", to = "/etc/site.json"}]
 *     size = "1M"                  # every option of "caravan create" under its long name
 *     ignore = ["*.map"]
 *
 * Paths count from the directory of the file. Other tables (`profiles`) are for others to read.
 */

import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { InvalidArgumentError, type Option } from 'commander'
import { parse, TomlError } from 'smol-toml'
import { asTimeChoice } from './arguments.js'
import { isErrno, UsageError } from './errors.js'
import type { ImageFormat } from './formats/format.js'
import { makingOptions } from './formats/options.js'
import type { TimeChoice } from './host-tree.js'

/** A directory or file of this computer, and where it goes in the image. */
interface BuildSource {
  readonly from: string
  /** Default: the root for a directory, its name in the root for a file. */
  readonly to: string | undefined
}

export interface ImageToBuild {
  /** As the file has it, for messages. */
  readonly name: string
  readonly output: string
  readonly sources: readonly BuildSource[]
  readonly ignore: readonly string[]
  readonly ignoreFile: readonly string[]
  readonly metadata: string | undefined
  readonly mtime: TimeChoice | undefined
  readonly compact: boolean
  readonly skipUnsupported: boolean
  /** Those of `caravan create` that say how it is made, by their names in the program. */
  readonly making: Readonly<Record<string, unknown>> & { readonly format?: string }
}

const CONFIG_NAMES = ['caravan.toml', 'package.json'] as const

/**
 * Reads what is to be built.
 *
 * @param path the file; default: `caravan.toml`, else `package.json` of the working directory.
 * @throws UsageError where there is no such file, or something in it is wrong.
 */
export async function readBuildConfig(
  path: string | undefined,
  formats: readonly ImageFormat[],
): Promise<readonly ImageToBuild[]> {
  for (const name of path === undefined ? CONFIG_NAMES : [path]) {
    const text = await readIfThere(name, path !== undefined)
    if (text === undefined) continue
    const config = name.endsWith('.json') ? fieldOf(text, name) : parseToml(text, name)
    if (config === undefined) continue
    return imagesIn(config, name, formats)
  }
  throw new UsageError(
    `There is no ${CONFIG_NAMES[0]} here, and no field "caravan" in a package.json. Write one (docs/build.md), or say where it is with --config FILE.`,
  )
}

async function readIfThere(path: string, mustExist: boolean): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (!isErrno(error)) throw error
    if (!mustExist && error.code === 'ENOENT') return undefined
    throw new UsageError(`${path} cannot be read (${error.code}). Check the path.`)
  }
}

type Table = Readonly<Record<string, unknown>>

function parseToml(text: string, path: string): Table {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    throw new UsageError(`${path}, line ${error.line}: ${error.message.split('\n')[0]}.`)
  }
}

function fieldOf(text: string, path: string): Table | undefined {
  try {
    const { caravan } = JSON.parse(text) as { caravan?: unknown }
    if (caravan === undefined) return undefined
    if (isTable(caravan)) return caravan
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new UsageError(`${path}: ${error.message}.`)
  }
  throw new UsageError(`${path}: the field caravan is no object. Write {"image": {...}}.`)
}

function imagesIn({ image }: Table, path: string, formats: readonly ImageFormat[]) {
  const tables = Array.isArray(image) ? image : [image]
  if (image === undefined || tables.length === 0) {
    throw new UsageError(`${path}: no image is to be built. Write [image] with output and source.`)
  }
  return tables.map((table: unknown, index) => {
    const where = tables.length === 1 ? `${path}, [image]` : `${path}, [[image]] ${index + 1}`
    if (!isTable(table)) throw new UsageError(`${where} is no table. Write its values below it.`)
    return new ImageTable(table, where, path, formats).read()
  })
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Keys that are no option of a format. */
const OWN_KEYS = [
  ...['output', 'source', 'sources', 'format', 'compact', 'mtime', 'metadata'],
  ...['ignore', 'ignore-file', 'skip-unsupported'],
]

class ImageTable {
  private readonly directory: string

  constructor(
    private readonly table: Table,
    private readonly where: string,
    private readonly path: string,
    private readonly formats: readonly ImageFormat[],
  ) {
    this.directory = dirname(resolve(path))
  }

  read(): ImageToBuild {
    const { table } = this
    const making = this.readMaking()
    const output = this.text('output')
    if (output === undefined) throw this.wrong('output', 'is missing. Write the file to be made')
    const { mtime } = table
    return {
      name: output,
      output: resolve(this.directory, output),
      sources: this.readSources(),
      ignore: this.texts('ignore'),
      ignoreFile: this.texts('ignore-file').map((file) => resolve(this.directory, file)),
      metadata: this.pathOf(this.text('metadata')),
      mtime: mtime === undefined ? undefined : this.parsed('mtime', asTimeChoice),
      compact: this.flag('compact'),
      skipUnsupported: this.flag('skip-unsupported'),
      making,
    }
  }

  private readSources(): BuildSource[] {
    const { source, sources } = this.table
    if (source !== undefined && sources !== undefined) {
      throw this.wrong('sources', 'stands beside source. Give one of them')
    }
    if (source === undefined && sources === undefined) {
      throw this.wrong('source', 'is missing. Write the directory that goes into the image')
    }
    const list = sources === undefined ? [source] : sources
    if (!Array.isArray(list)) throw this.wrong('sources', 'is no list. Write ["www", ...]')
    return list.map((each: unknown) => {
      const { from, to } = isTable(each) ? each : { from: each, to: undefined }
      const isRight = typeof from === 'string' && (to === undefined || typeof to === 'string')
      if (!isRight) throw this.wrong('sources', 'Write paths, or {from = "...", to = "/..."}')
      return { from: resolve(this.directory, from), to }
    })
  }

  /** @throws UsageError for a key that is neither known here nor an option of a format. */
  private readMaking(): ImageToBuild['making'] {
    const options = new Map(
      this.formats.flatMap(makingOptions).map((option) => [option.long?.slice(2), option]),
    )
    const making: Record<string, unknown> = {}
    const format = this.text('format')
    if (format !== undefined) making.format = format
    for (const key of Object.keys(this.table)) {
      if (OWN_KEYS.includes(key)) continue
      const option = options.get(key)
      if (option === undefined) {
        const known = [...OWN_KEYS, ...options.keys()].join(', ')
        throw this.wrong(key, `is unknown. The keys are: ${known}`)
      }
      making[option.attributeName()] = this.optionValue(key, option)
    }
    // Profiles of one's own stand in the same file.
    if (making.profile !== undefined && !this.path.endsWith('.json')) making.config ??= this.path
    if (this.flag('compact')) making.compact = true
    return making
  }

  private optionValue(key: string, option: Option): unknown {
    if (option.isBoolean()) return this.flag(key)
    return this.parsed(key, (text) => option.parseArg?.(text, undefined as never) ?? text)
  }

  /** A value as the command line would have it. */
  private parsed<T>(key: string, parseText: (text: string) => T): T {
    const value = this.table[key]
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw this.wrong(key, 'Write text or a number')
    }
    try {
      return parseText(String(value))
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error
      throw this.wrong(key, error.message.replace(/\.$/, ''))
    }
  }

  private text(key: string): string | undefined {
    const value = this.table[key]
    if (value === undefined || (typeof value === 'string' && value !== '')) return value
    throw this.wrong(key, 'Write text')
  }

  private texts(key: string): string[] {
    const value = this.table[key] ?? []
    const list: readonly unknown[] = Array.isArray(value) ? value : [value]
    return list.map((each) => {
      if (typeof each === 'string') return each
      throw this.wrong(key, 'Write text, or a list of texts')
    })
  }

  private flag(key: string): boolean {
    const value = this.table[key] ?? false
    if (typeof value === 'boolean') return value
    throw this.wrong(key, 'Write true or false')
  }

  private pathOf(file: string | undefined): string | undefined {
    return file === undefined ? undefined : resolve(this.directory, file)
  }

  private wrong(key: string, what: string): UsageError {
    const sentence = /^[A-Z']/.test(what) ? `: ${what}` : ` ${what}`
    return new UsageError(`${this.where}: ${key}${sentence}.`)
  }
}
