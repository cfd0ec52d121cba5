/** `caravan kv`: an image as a key-value store, its lines those of chamelon's command. */

import { type KeyValueStore, parseKey, type Timestamp } from '@caravan/core'
import type { Command } from 'commander'
import type { Context } from '../context.js'
import { checkInterrupted } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { toHex } from '../names.js'
import type { ChangeOptions } from '../open-image.js'
import { withStore } from '../open-store.js'
import { parsePath } from '../paths.js'
import { changingVerb, ESCAPED, imageVerb, withHelp } from '../verb.js'

interface KvOptions extends ImageOptions, ChangeOptions {
  readonly escaped?: boolean
  readonly time?: boolean
}

const KV_HELP = `
Files are values, directories are dictionaries. A KEY is a path: /a//b/ is /a/b, and
. and .. are refused. docs/key-value.md has the exact answer in every case. Volumes
of chamelon are read, with what chamelon itself no longer finds; to change one,
convert it first: caravan convert IMAGE NEW`

export function addKv(program: Command, context: Context): void {
  const kv = program
    .command('kv')
    .summary('values under keys')
    .description('Uses an image as a key-value store, in the terms of mirage-kv.')
    .usage('<get|set|ls|rm|mv|digest|modified> [options] IMAGE KEY ...')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
  withHelp(
    kv,
    [
      'caravan kv set flash.img /boot/count 42',
      'caravan kv get flash.img /boot/count',
      'caravan kv ls -t flash.img /',
    ],
    KV_HELP,
  )
  addReading(kv, context)
  addChanging(kv, context)
}

function addReading(kv: Command, context: Context): void {
  reading(kv, context, 'get', 'print a value, byte for byte', async (store, key) =>
    context.out.put(await store.get(key)),
  )
  const ls = reading(
    kv,
    context,
    'ls',
    'list a dictionary, with whole keys',
    (store, key, options) => list(context, store, key, options.time === true),
  )
  ls.option('-t, --time', 'with the time of the last change')
  reading(kv, context, 'digest', 'print the SHA-256 of a value or dictionary', async (store, key) =>
    context.out.line(toHex(await store.digest(key))),
  )
  reading(kv, context, 'modified', 'print when a key was last set', async (store, key) =>
    context.out.line(exactTime(await store.lastModified(key))),
  )
}

function reading(
  kv: Command,
  context: Context,
  name: string,
  summary: string,
  run: (store: KeyValueStore, key: Uint8Array, options: KvOptions) => Promise<void>,
): Command {
  const command = imageVerb(kv, context, name, summary)
    .description(sentence(summary))
    .argument('<image>', 'the image, or - for standard input')
    .argument('<key>', 'the key; / is the root')
    .option(...ESCAPED)
    .action((image: string, key: string, options: KvOptions) => {
      const bytes = parsePath(key, options)
      return withStore(context, image, options, (store) => run(store, bytes, options))
    })
  return withHelp(command, [`caravan kv ${name} flash.img /boot`])
}

function addChanging(kv: Command, context: Context): void {
  const set = changing(kv, context, 'set', 'bind a key to a value')
    .argument('<key>', 'the key')
    .argument('[value]', 'the value; - or none: standard input', '-')
    .action(async (image: string, key: string, value: string, options: KvOptions) => {
      const bytes = parsePath(key, options)
      parseKey(bytes)
      const content = value === '-' ? await readInput(context) : Buffer.from(value)
      await change(context, image, options, (store) => store.set(bytes, content))
    })
  withHelp(set, [
    'caravan kv set flash.img /name "My device"',
    'date | caravan kv set flash.img /built',
  ])
  const rm = changing(kv, context, 'rm', 'remove a value, or a dictionary with all in it')
    .argument('<key...>', 'keys; what is not there is fine')
    .action((image: string, keys: string[], options: KvOptions) =>
      change(context, image, options, async (store) => {
        for (const key of keys) await store.remove(parsePath(key, options))
      }),
    )
  withHelp(rm, ['caravan kv rm flash.img /boot /log'])
  const mv = changing(kv, context, 'mv', 'rename a value or a dictionary')
    .argument('<from>', 'the key')
    .argument('<to>', 'its new key; into a dictionary that is there')
    .action((image: string, from: string, to: string, options: KvOptions) =>
      change(context, image, options, (store) =>
        store.rename(parsePath(from, options), parsePath(to, options)),
      ),
    )
  withHelp(mv, ['caravan kv mv flash.img /boot /old/boot'])
}

function changing(kv: Command, context: Context, name: string, summary: string): Command {
  return changingVerb(kv, context, name, summary)
    .description(`${sentence(summary)} IMAGE is changed in place, under its lock.`)
    .argument('<image>', 'the image')
    .option(...ESCAPED)
}

function sentence(summary: string): string {
  return `${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.`
}

async function change(
  context: Context,
  image: string,
  options: KvOptions,
  run: (store: KeyValueStore) => Promise<void>,
): Promise<void> {
  await withStore(context, image, options, run, true)
}

async function readInput({ stdin, signal }: Context): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of stdin) {
    checkInterrupted(signal)
    pieces.push(typeof piece === 'string' ? Buffer.from(piece) : (piece as Uint8Array))
  }
  return Buffer.concat(pieces)
}

/** `/k : file`, or for a value its own line. */
async function list(
  context: Context,
  store: KeyValueStore,
  key: Uint8Array,
  withTime: boolean,
): Promise<void> {
  const isValue = (await store.exists(key)) === 'value'
  const segments = parseKey(key)
  const line = async (path: readonly string[], kind: 'value' | 'dictionary') => {
    const bytes = Buffer.from(`/${path.join('/')}`, 'latin1')
    const time = withTime ? ` (${shortTime(await store.lastModified(bytes))})` : ''
    await context.out.put(bytes)
    await context.out.line(` : ${kind === 'value' ? 'file' : 'directory'}${time}`)
  }
  if (isValue) return line(segments, 'value')
  for (const [name, kind] of await store.list(key))
    await line([...segments, ...parseKey(name)], kind)
}

/** `2026-11-20 17:07:39 +00:00`. */
function shortTime(time: Timestamp | undefined): string {
  if (time === undefined) return 'no last modified info'
  return `${time.toDate().toISOString().slice(0, 19).replace('T', ' ')} +00:00`
}

/** `2026-11-20T17:07:39.393797065000-00:00`: to the picosecond, always in UTC. */
function exactTime(time: Timestamp | undefined): string {
  if (time === undefined) return 'no last modified info'
  const fraction = (time.picoseconds % 1_000_000_000_000n).toString().padStart(12, '0')
  return `${time.toDate().toISOString().slice(0, 19)}.${fraction}-00:00`
}
