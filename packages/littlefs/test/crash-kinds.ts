/**
 * Every kind of operation, each on the same small tree, and the devices on which they are cut.
 */

import type { Content, Operation } from '@caravan/testkit'
import type { Setup } from './model-run.js'

const content = (size: number): Content => ({ seed: size + 1, size })

/** What every kind finds, on blocks of 512 bytes. */
const PREPARATION: readonly Operation[] = [
  { do: 'mkdir', path: '/dir' },
  { do: 'mkdir', path: '/dir/sub' },
  { do: 'mkdir', path: '/empty' },
  { do: 'mkdir', path: '/other' },
  { do: 'writeFile', path: '/inline', content: content(20) },
  { do: 'writeFile', path: '/dir/large', content: content(1700) },
  { do: 'writeFile', path: '/dir/sub/deep', content: content(700) },
  { do: 'setAttribute', path: '/inline', type: 1, content: content(9) },
  { do: 'writeFile', path: '/other/x', content: content(8) },
]

const KINDS: Readonly<Record<string, readonly Operation[]>> = {
  'a new inline file': [{ do: 'writeFile', path: '/dir/new', content: content(5) }],
  'a new file of many blocks': [{ do: 'writeFile', path: '/dir/new', content: content(2500) }],
  'an inline file over a large one': [{ do: 'writeFile', path: '/dir/large', content: content(7) }],
  'a large file over an inline one': [{ do: 'writeFile', path: '/inline', content: content(1500) }],
  'appending to a large file': [{ do: 'appendFile', path: '/dir/large', content: content(900) }],
  truncating: [{ do: 'truncateFile', path: '/dir/large', size: 300 }],
  'a new directory': [{ do: 'mkdir', path: '/dir/made' }],
  'removing a file': [{ do: 'remove', path: '/dir/large' }],
  'removing a directory': [{ do: 'remove', path: '/empty' }],
  'removing a tree': [{ do: 'removeTree', path: '/dir' }],
  'renaming within a directory': [{ do: 'rename', path: '/dir/large', to: '/dir/aaa' }],
  'renaming across directories': [{ do: 'rename', path: '/dir/large', to: '/other/moved' }],
  'renaming over a file elsewhere': [{ do: 'rename', path: '/dir/large', to: '/other/x' }],
  'renaming a directory across': [{ do: 'rename', path: '/dir/sub', to: '/other/sub' }],
  'renaming over an empty directory': [{ do: 'rename', path: '/dir/sub', to: '/empty' }],
  'renaming the only entry away': [{ do: 'rename', path: '/other/x', to: '/dir/sub/x' }],
  'setting an attribute': [
    { do: 'setAttribute', path: '/dir/large', type: 2, content: content(12) },
  ],
  'removing an attribute': [{ do: 'removeAttribute', path: '/inline', type: 1 }],
  'a handle, synced in between': [
    { do: 'open', slot: 0, path: '/dir/large', mode: { read: true, write: true } },
    { do: 'seek', slot: 0, offset: 600, origin: 'start' },
    { do: 'write', slot: 0, content: content(40) },
    { do: 'sync', slot: 0 },
    { do: 'truncate', slot: 0, size: 1000 },
    { do: 'write', slot: 0, content: content(1200) },
    { do: 'close', slot: 0 },
  ],
  'a handle whose file is renamed and removed': [
    { do: 'open', slot: 0, path: '/dir/large', mode: { write: true } },
    { do: 'write', slot: 0, content: content(600) },
    { do: 'rename', path: '/dir/large', to: '/other/moved' },
    { do: 'sync', slot: 0 },
    { do: 'write', slot: 0, content: content(100) },
    { do: 'remove', path: '/other/moved' },
    { do: 'close', slot: 0 },
  ],
  gc: [{ do: 'gc' }],
}

export const KIND_NAMES: readonly string[] = Object.keys(KINDS)

/** A kind's preparation and operations, for blocks of `unit` times 512 bytes. */
export function kindOf(name: string, unit: number): [readonly Operation[], readonly Operation[]] {
  const operations = KINDS[name] as readonly Operation[]
  return [
    PREPARATION.map((each) => scaled(each, unit)),
    operations.map((each) => scaled(each, unit)),
  ]
}

/** Large contents follow the size of the blocks, small ones stay inline. */
function scaled(operation: Operation, unit: number): Operation {
  if (!('content' in operation) || operation.content.size < 100) return operation
  return { ...operation, content: content(Math.floor(operation.content.size * unit)) }
}

/** A device on which kinds are cut, and how large its contents are. */
export interface Place {
  readonly setup: Setup
  /** Times what they are on blocks of 512 bytes. */
  readonly unit: number
}

/** Block and program sizes from the smallest to the largest, each with all wear and both versions. */
export function places(): Place[] {
  const all: Place[] = []
  for (const blockSize of [128, 256, 512, 1024, 4096, 16384, 65536]) {
    for (const progSize of [1, 4, 16, 64, 256, 1024, 4096]) {
      if (progSize > blockSize) continue
      for (const blockCycles of [1, 2, -1]) {
        for (const diskVersion of ['2.0', '2.1'] as const) {
          all.push(place(blockSize, progSize, { blockCycles, diskVersion }))
        }
      }
    }
  }
  return all
}

/** `variant` may say anything of the setup but its sizes. */
export function place(blockSize: number, progSize: number, variant: Partial<Setup>): Place {
  // So many units in one request that there are no cases without end.
  const unit = blockSize / progSize > 4096 || blockSize <= 512 ? 1 : blockSize / 512
  const setup: Setup = {
    blockSize,
    blockCount: blockSize < 512 ? 90 : blockSize > 4096 ? 28 : 40,
    readSize: Math.min(progSize, 16),
    progSize,
    eraseValue: 0xff,
    diskVersion: '2.1',
    blockCycles: -1,
    inlineMax: Math.min(32, blockSize / 8),
    metadataMax: blockSize,
    nameMax: 255,
    fileMax: 2147483647,
    attrMax: 1022,
    ...variant,
  }
  return { setup, unit }
}
