/** Recorded calls of a command line tool: what it was given, what it said, what it left behind. */

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** A file of the input, or a directory, a link, a pipe. */
export interface InputFile {
  readonly text?: string
  /** Bytes of xorshift32, or zeros where `seed` is 0. */
  readonly size?: number
  readonly seed?: number
  readonly dir?: boolean
  readonly symlink?: string
  readonly fifo?: boolean
  /** Seconds since 1970. */
  readonly mtime?: number
}

export interface Mutation {
  readonly op: 'fill' | 'xor' | 'truncate' | 'append' | 'prepend' | 'text'
  readonly off?: number
  readonly len?: number
  readonly byte?: number
  readonly size?: number
  readonly text?: string
}

export interface InputImage {
  /** `NAME.img.gz` beside the recording. */
  readonly golden?: string
  readonly mutations?: readonly Mutation[]
  readonly size?: number
  readonly byte?: number
  readonly seed?: number
}

/** A path that is new, or has changed. */
export interface FileAfter {
  readonly type: string
  readonly size?: number
  readonly sha256?: string
  /** Seconds since 1970; `now` where the tool has not set it. */
  readonly mtime?: number | 'now'
  readonly mode?: string
  readonly changed?: boolean
  readonly target?: string
}

export interface ImageEntryRecord {
  readonly path: string
  /** Where the path is not UTF-8. */
  readonly pathHex?: string
  readonly type: string
  readonly size: number
  readonly sha256: string | null
  /** By type, both in hexadecimal. */
  readonly attrs: Readonly<Record<string, string>>
}

export interface ImageRecord {
  readonly path?: string
  readonly imageSize: number
  readonly sha256: string
  readonly blockSize: number
  readonly stat?: Readonly<Record<string, string | number>>
  readonly entries?: readonly ImageEntryRecord[]
  /** The case whose image has the same bytes. */
  readonly sameImageAs?: string
  /** Why the C library could not mount it. */
  readonly errors?: string
}

export interface Case {
  readonly name: string
  readonly argv: readonly string[]
  readonly input: {
    readonly tree?: Readonly<Record<string, InputFile>>
    readonly cwd?: Readonly<Record<string, InputFile>>
    readonly image?: InputImage | null
  }
  readonly env: { readonly clock: number | null }
  readonly stdout: string
  readonly stderr: string
  /** The same where it is no text. */
  readonly stdoutHex?: string
  readonly stderrHex?: string
  /** `null` where it did not end. */
  readonly exitCode: number | null
  readonly signal?: string
  readonly timedOut?: boolean
  readonly filesAfter: Readonly<Record<string, FileAfter>>
  readonly image?: ImageRecord
  /** Why only the exit code and the entries of the image are compared. */
  readonly unstable?: string
}

export type ToolName = 'mklittlefs' | 'littlefs-python'

/** What a file of recorded calls holds. */
export interface Recording {
  readonly tool: ToolName
  readonly cases: readonly Case[]
  /** An input image by name. */
  golden(name: string): Buffer
  /** What is in an image that a case left: its own record, or that of another with the same bytes. */
  knownImage(record: ImageRecord): ImageRecord | undefined
}

/** The verbs of the tool that has verbs. */
const VERBS = ['create', 'extract', 'list', 'repl']

/** @param homes folders with input images, beside that of the file itself. */
export function readRecording(file: string, homes: readonly string[]): Recording {
  const cases = JSON.parse(readFileSync(file, 'utf8')) as readonly Case[]
  if (!Array.isArray(cases) || cases.some((each) => !Array.isArray((each as Case)?.argv))) {
    throw new TypeError('it holds no recorded calls: a list of cases with argv is expected')
  }
  const folders = [dirname(file), ...homes]
  const images = [...cases.flatMap(({ image }) => image ?? []), ...goldenImages(folders)]
  return {
    tool: cases.some(({ argv }) => VERBS.includes(argv[0] ?? ''))
      ? 'littlefs-python'
      : 'mklittlefs',
    cases,
    golden: (name) => gunzipSync(readFirst(folders, `${name}.img.gz`)),
    knownImage: (record) =>
      record.entries === undefined
        ? images.find(({ sha256, entries }) => entries && sha256 === record.sha256)
        : record,
  }
}

/** Those that `goldens.json` tells of. */
function goldenImages(folders: readonly string[]): ImageRecord[] {
  return folders.flatMap((folder) => {
    const text = readOptional(join(folder, 'goldens.json'))
    if (text === undefined) return []
    return Object.values(JSON.parse(text.toString()) as Record<string, ImageRecord>)
  })
}

function readFirst(folders: readonly string[], name: string): Buffer {
  for (const folder of folders) {
    const bytes = readOptional(join(folder, name))
    if (bytes !== undefined) return bytes
  }
  throw new TypeError(`${name} is not in ${folders.join(', ')}`)
}

function readOptional(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
