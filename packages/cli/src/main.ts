/**
 * The command `caravan`: finds the verb, runs it, answers with an exit code.
 *
 * Everything that a process has of its own comes in as an option, so that a test, or another
 * program, can run a command without one.
 */

import { Readable, Writable } from 'node:stream'
import { Command, CommanderError } from 'commander'
import type { Context } from './context.js'
import { Interrupted, OutputClosed, UsageError } from './errors.js'
import type { ImageFormat } from './formats/format.js'
import { FORMATS } from './formats/table.js'
import { Output, type OutputStream } from './output.js'
import { EXIT, exitCodeOf, Report } from './report.js'
import { styleFor } from './style.js'
import { addAttr } from './verbs/attr.js'
import { addBuild } from './verbs/build.js'
import { addCat } from './verbs/cat.js'
import { addCheck } from './verbs/check.js'
import { addClone } from './verbs/clone.js'
import { addCompletion } from './verbs/completion.js'
import { addConvert } from './verbs/convert.js'
import { addCp } from './verbs/cp.js'
import { addCreate } from './verbs/create.js'
import { addDefrag } from './verbs/defrag.js'
import { addDf } from './verbs/df.js'
import { addDiff } from './verbs/diff.js'
import { addDu } from './verbs/du.js'
import { addDump } from './verbs/dump.js'
import { addExtract } from './verbs/extract.js'
import { addFind } from './verbs/find.js'
import { addFormat } from './verbs/format.js'
import { addGet } from './verbs/get.js'
import { addGit } from './verbs/git.js'
import { addGrow } from './verbs/grow.js'
import { addInfo } from './verbs/info.js'
import { addKv } from './verbs/kv.js'
import { addLog } from './verbs/log.js'
import { addLs } from './verbs/ls.js'
import { addManifest } from './verbs/manifest.js'
import { addMap } from './verbs/map.js'
import { addMigrate } from './verbs/migrate.js'
import { addMkdir } from './verbs/mkdir.js'
import { addMv } from './verbs/mv.js'
import { addPack } from './verbs/pack.js'
import { addPartitions } from './verbs/partitions.js'
import { addPut } from './verbs/put.js'
import { addRecover } from './verbs/recover.js'
import { addRepair } from './verbs/repair.js'
import { addRm } from './verbs/rm.js'
import { addShrink } from './verbs/shrink.js'
import { addStat } from './verbs/stat.js'
import { addSync } from './verbs/sync.js'
import { addTouch } from './verbs/touch.js'
import { addTree } from './verbs/tree.js'
import { addUnpack } from './verbs/unpack.js'
import { addUpgrade } from './verbs/upgrade.js'
import { addVerify } from './verbs/verify.js'
import { VERSION } from './version.js'

export interface MainOptions {
  readonly stdin: Readable
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /** Environment: `NO_COLOR`, `FORCE_COLOR`, `TERM`, `LANG` are looked at. Default: empty. */
  readonly env?: NodeJS.ProcessEnv
  /** Aborted when the user asks to stop. Default: never. */
  readonly signal?: AbortSignal
  /** What images may be. Default: all that this package knows. */
  readonly formats?: readonly ImageFormat[]
}

/** In the order of the help: looking, taking out, making, changing, looking closer. */
const VERBS = [
  addInfo,
  addLs,
  addTree,
  addStat,
  addDf,
  addDu,
  addFind,
  addPartitions,
  addCat,
  addGet,
  addExtract,
  addCreate,
  addBuild,
  addPut,
  addSync,
  addCp,
  addTouch,
  addRm,
  addMv,
  addMkdir,
  addAttr,
  addKv,
  addGit,
  addFormat,
  addGrow,
  addShrink,
  addDefrag,
  addClone,
  addUpgrade,
  addConvert,
  addMigrate,
  addPack,
  addUnpack,
  addMap,
  addManifest,
  addDiff,
  addVerify,
]

/** Those that are there where a format has them. */
const FORMAT_VERBS = [
  ['check', addCheck],
  ['repair', addRepair],
  ['log', addLog],
  ['dump', addDump],
  ['recover', addRecover],
] as const

/**
 * Runs one command.
 *
 * @param argv the arguments, without the names of the interpreter and the program.
 * @returns the exit code: 0 done, 1 something failed, 2 wrong use, 3 nothing to check, 130 interrupted.
 */
export async function main(argv: readonly string[], options: MainOptions): Promise<number> {
  const { stdin, stdout, stderr, env = {}, formats = FORMATS } = options
  const { signal = new AbortController().signal } = options
  const out = new Output(stdout, signal)
  const report = new Report(stderr)
  const context: Context = {
    formats,
    stdin,
    out,
    report,
    env,
    signal,
    style: styleFor(stdout, env),
  }
  const program = createProgram(context)
  try {
    await program.parseAsync(helpOf(program, argv), { from: 'user' })
    await out.flush()
    return report.failed ? report.failureCode : EXIT.done
  } catch (error) {
    return await finish(error, context, verbOf(program, argv))
  }
}

/** All verbs as commander has them, to be looked at: what they would write goes nowhere. */
export function describedProgram(formats: readonly ImageFormat[] = FORMATS): Command {
  const nowhere = new Writable({ write: (_piece, _encoding, done) => done() })
  const { signal } = new AbortController()
  return createProgram({
    formats,
    stdin: Readable.from([]),
    out: new Output(nowhere, signal),
    report: new Report(nowhere),
    env: {},
    signal,
    style: styleFor(nowhere, {}),
  })
}

function createProgram(context: Context): Command {
  const titles = context.formats.map(({ title }) => title).join(', ')
  const program = new Command('caravan')
    .description(`Makes, changes and reads the images of fail-safe filesystems (${titles}).`)
    .version(versionText(context), '-V, --version', 'print the version, and those of the formats')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [verb]', 'print the help of a verb, with examples')
    .usage('<verb> [options] IMAGE ...')
    .exitOverride()
    .configureHelp({ showGlobalOptions: false, helpWidth: helpWidth(context) })
    .configureOutput({
      writeOut: (text) => context.out.append(text),
      writeErr: (text) => context.report.stream.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'caravan: ')),
    })
    .addHelpText('after', OVERVIEW)
  for (const add of VERBS) add(program, context)
  for (const [call, add] of FORMAT_VERBS) {
    if (context.formats.some((format) => format[call] !== undefined)) add(program, context)
  }
  addCompletion(program, context)
  return program
}

/** The verb that the arguments begin with, where there is one of that name. */
function verbOf(program: Command, argv: readonly string[]): string | undefined {
  return program.commands.map((command) => command.name()).find((name) => name === argv[0])
}

/** The version of the command, and of each format those on disk. */
function versionText({ formats }: Context): string {
  const width = Math.max(...formats.map(({ name }) => name.length))
  const lines = formats.map(({ name, versions }) => `${name.padEnd(width)}  ${versions}`)
  return [`caravan ${VERSION}`, ...lines].join('\n')
}

/**
 * `help VERB...` as `VERB... --help`: of several words commander looks at the first alone, and it
 * prints the help of everything where it does not know that.
 *
 * @throws UsageError for a verb that there is not.
 */
function helpOf(program: Command, argv: readonly string[]): readonly string[] {
  const [first, ...path] = argv
  if (first !== 'help' || path.length === 0 || path[0] === 'help') return argv
  let command = program
  for (const word of path) {
    if (word.startsWith('-')) return argv
    const verbs = verbsOf(command)
    const next = verbs.find((verb) => verb.name() === word)
    if (next === undefined) throw unknownVerb(command, word, verbs)
    command = next
  }
  return [...path, '--help']
}

/** Those that the help shows. */
function verbsOf(command: Command): readonly Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((verb) => verb.name() !== 'help')
}

function unknownVerb(command: Command, word: string, verbs: readonly Command[]): UsageError {
  const names = verbs.map((verb) => verb.name()).join(', ')
  if (command.parent === null) {
    return new UsageError(`there is no verb '${word}'. The verbs are: ${names}.`)
  }
  const advice = names === '' ? 'It has none.' : `Those that it has are: ${names}.`
  return new UsageError(`${command.name()} has no verb '${word}'. ${advice}`)
}

function helpWidth({ out }: Context): number {
  return Math.min(out.stream.columns ?? 80, 100)
}

const OVERVIEW = `
IMAGE is a file, a device, an http: or https: address, or - for standard input; a raw
image, a dump of a whole flash with one in it, or either as gzip, UF2 or Intel HEX. Its
format, place and block size are found by themselves. A PATH counts from the root of the image; see "caravan help ls" for
paths that are not text.

Exit codes: 0 done, 1 something failed, 2 wrong use.

Examples:
  caravan info flash.img              what is in there
  caravan tree flash.img              all of its files
  caravan cat https://example.org/flash.img /config.json
                                      one, from a web server
  caravan extract flash.img out       take everything out
  caravan ls -l flash.img /www        one directory
  caravan cat flash.img /config.json  one file
  caravan create --size 1M www flash.img
                                      an image of a directory
  caravan put flash.img config.json /config.json
                                      one file into it, in place`

/** The end of a command that did not end well. */
async function finish(error: unknown, context: Context, verb: string | undefined): Promise<number> {
  const { report } = context
  const advice = `\`caravan help${verb === undefined ? '' : ` ${verb}`}\` shows the use.`
  if (error instanceof OutputClosed) return report.failed ? report.failureCode : EXIT.done
  if (error instanceof Interrupted) {
    report.tell('interrupted.')
    return EXIT.interrupted
  }
  if (error instanceof CommanderError) {
    // Help and the version come this way too, and are no failure.
    if (error.exitCode === 0) return flushed(context, EXIT.done)
    if (error.code !== 'commander.help') report.tell(advice)
    return EXIT.wrongUse
  }
  const known = exitCodeOf(error)
  const ownCode = known === EXIT.failed ? report.failureCode : known
  const code = await flushed(context, ownCode, error)
  report.fail([], error)
  if (code === EXIT.wrongUse) report.tell(advice)
  return code
}

/** Writes what was printed before a failure; `known` is what need not be told again. */
async function flushed({ out, report }: Context, code: number, known?: unknown): Promise<number> {
  try {
    await out.flush()
    return code
  } catch (error) {
    if (error !== known && !(error instanceof OutputClosed)) report.fail([], error)
    return report.failed ? report.failureCode : code
  }
}
