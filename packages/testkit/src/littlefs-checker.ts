/**
 * An independent judge of littlefs images for tests: written from littlefs' SPEC.md and DESIGN.md
 * alone, reading bytes directly and sharing no code with the engine. An engine that reads its own
 * mistake back without noticing is caught here.
 *
 * In `littlefs-checker/`: `log` (one block's commits), `metadata` (a pair), `superblock`, `thread`
 * (tail list, global state), `tree` (directories, names, block use), `ctz-list`.
 */
import {
  BlockImage,
  type Finding,
  type LittlefsCheckOptions,
  type Report,
} from './littlefs-checker/finding.js'
import { checkPair } from './littlefs-checker/metadata.js'
import {
  checkSuperblockHalves,
  readSuperblock,
  superblockChain,
  superblockEntry,
} from './littlefs-checker/superblock.js'
import { checkGlobalState, PairReader, readThread } from './littlefs-checker/thread.js'
import { type LittlefsTreeNode, walkTree } from './littlefs-checker/tree.js'

interface Judgement {
  readonly findings: Finding[]
  readonly tree: Map<string, LittlefsTreeNode>
}

/**
 * Everything that is wrong with a littlefs image of on-disk version 2.0 or 2.1; empty when it is sound.
 * Never throws for what it finds, and ends on any bytes.
 */
export function checkLittlefs(image: Uint8Array, options: LittlefsCheckOptions): Finding[] {
  return judge(image, options).findings
}

/**
 * What an image holds, by path ("/" first; a name's bytes read as latin1). The source of a pending
 * move is left out. Of a damaged image: what can still be reached.
 */
export function readLittlefsTree(
  image: Uint8Array,
  options: LittlefsCheckOptions,
): Map<string, LittlefsTreeNode> {
  return judge(image, options).tree
}

function judge(bytes: Uint8Array, options: LittlefsCheckOptions): Judgement {
  const findings: Finding[] = []
  const tree = new Map<string, LittlefsTreeNode>()
  const report: Report = (code, message, where) => {
    findings.push({ code, message, ...where })
  }
  const blocksInImage = Math.floor(bytes.length / options.blockSize)
  const image = new BlockImage(bytes, options.blockSize, options.blockCount ?? blocksInImage)

  const pairs = new PairReader(image, report)
  const first = pairs.pair([0, 1])
  if (first === undefined) return { findings, tree }
  checkSuperblockHalves(first, options, report)
  const superblock = readSuperblock(first, image, options, report)
  if (superblock === undefined) return { findings, tree }
  if (options.blockCount === undefined && superblock.blockCount >= 2) {
    image.blockCount = superblock.blockCount
  }

  const thread = readThread(pairs, report)
  if (thread.length === 0) return { findings, tree }
  const root = superblockChain(thread, report)
  // The copy that begins the root directory is the one in force.
  let current = superblock
  for (const { metadata } of thread.slice(1)) {
    if (superblockEntry(metadata) === undefined) break
    const copy = readSuperblock(metadata, image, options, report)
    if (copy === undefined) return { findings, tree }
    current = copy
  }
  const state = checkGlobalState(thread, options, report)
  const nodes = walkTree({
    image,
    options,
    superblock: current,
    pairs,
    thread,
    root,
    state,
    report,
  })
  const rules = { options, minorVersion: current.minorVersion }
  for (const pair of pairs.all()) checkPair(pair, rules, report)
  return { findings, tree: nodes }
}
