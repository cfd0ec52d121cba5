/** Thread check: the list of pairs, against the tree. */

import { FormatError, type Op } from '@caravan/core'
import type { BlockOwners } from '../../check/block-owners.js'
import type { BlockPair } from '../../format/metadata-log.js'
import type { Layout } from '../../volume.js'
import { readThread, type ThreadPair, type ThreadState, threadState } from '../thread.js'
import type { Version1Report } from './findings.js'
import type { TreeCheck } from './tree-check.js'

const named = ([a, b]: BlockPair) => `{${a}, ${b}}`

/** `undefined` where the list cannot be followed. */
export function* checkThread(
  layout: Layout,
  owners: BlockOwners,
  tree: TreeCheck,
  report: Version1Report,
): Op<ThreadState | undefined> {
  let pairs: ThreadPair[]
  try {
    pairs = yield* readThread(layout)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    const place = error.block === undefined ? {} : { block: error.block }
    report(error.code === 'TAIL_CYCLE' ? 'TAIL_CYCLE' : 'LIST_BROKEN', error.message, place)
    return undefined
  }
  const state = threadState(pairs)
  const listed = new Set(pairs.flatMap(({ blocks }) => blocks))
  for (const { blocks, path } of tree.pairs) {
    if (blocks.some((block) => listed.has(block))) continue
    const what = `The pair ${named(blocks)} is not on the list of pairs.`
    report('NOT_THREADED', what, { block: blocks[0], path })
  }
  for (const { listed: on, named: by } of state.desyncs) {
    const what = `The list leads to ${named(on)}, and the entry to ${named(by)}.`
    report('HALF_ORPHAN', what, { block: on[0] })
  }
  const inTree = new Set(tree.pairs.flatMap(({ blocks }) => blocks))
  for (const blocks of state.orphans) {
    // The root has no entry but the superblock's.
    if (blocks.some((block) => inTree.has(block))) continue
    const what = `No entry leads to the directory in the pair ${named(blocks)}.`
    report('ORPHAN', what, { block: blocks[0] })
    const owner = owners.owner('a directory that no path leads to')
    for (const block of blocks) owners.take(block, owner)
  }
  return state
}
