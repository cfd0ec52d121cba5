/** Many promises at once, on a device that answers late: all is as if done in the order of calls. */

import { ReferenceFS } from '@caravan/littlefs'
import {
  CrashDevice,
  checkLittlefs,
  differences,
  drawOperation,
  type HandleUnderTest,
  JitterDevice,
  nextTurn,
  type Operation,
  perform,
  type Random,
  TreeModel,
} from '@caravan/testkit'
import { checkOptions, codeOf, mountOptions, type Setup, treeOf } from './model-run.js'

/** A file read while changes go on: between how many finished ones it may have seen any. */
interface Look {
  readonly path: string
  readonly seen: Uint8Array | string
  readonly from: number
  readonly to: number
}

export interface ConcurrentEnd {
  /** What is wrong, or undefined. */
  readonly wrong: string | undefined
  /** What was started at once, batch by batch, to the end. */
  readonly batches: readonly (readonly Operation[])[]
}

/**
 * Runs batches of operations that are started at once.
 *
 * @param source how many batches to draw, or the batches
 */
export async function runConcurrently(
  setup: Setup,
  random: Random,
  source: number | readonly (readonly Operation[])[],
): Promise<ConcurrentEnd> {
  const device = new CrashDevice(setup)
  const options = mountOptions(setup)
  ReferenceFS.formatSync(device, { ...options, diskVersion: setup.diskVersion })
  const fs = await ReferenceFS.mount(new JitterDevice(device, random), options)
  const model = new TreeModel(setup)
  const handles = new Map<number, HandleUnderTest>()
  const batches: (readonly Operation[])[] = []
  const count = typeof source === 'number' ? source : source.length
  for (let index = 0; index < count; index++) {
    const batch = typeof source === 'number' ? drawBatch(model, setup, random) : source[index]
    if (batch === undefined) break
    batches.push(batch)
    const wrong =
      (await runBatch(fs, model, handles, batch, random)) ??
      (await checkBatch(fs, device, model, setup, handles.size > 0))
    if (wrong !== undefined) return { wrong: `batch ${index}: ${wrong}`, batches }
  }
  return { wrong: undefined, batches }
}

/** Compares what the device holds with the model. @returns what is wrong, or undefined. */
async function checkBatch(
  fs: ReferenceFS,
  device: CrashDevice,
  model: TreeModel,
  setup: Setup,
  hasHandles: boolean,
): Promise<string | undefined> {
  const fresh = ReferenceFS.mountSync(device, { ...mountOptions(setup), readOnly: true })
  const found = differences(treeOf(fresh), model)
  if (found.length > 0) return found.join('; ')
  const findings = checkLittlefs(device.bytes, checkOptions(setup))
  const real = findings.filter(({ code }) => !['gstate-orphans', 'commit-overfull'].includes(code))
  if (real.length > 0) return real.map(({ message }) => message).join('; ')
  if (hasHandles) return undefined
  const [counted, used] = [(await fs.df()).usedBlocks, fresh.dfSync().usedBlocks]
  return counted === used ? undefined : `${counted} blocks counted, ${used} used`
}

async function runBatch(
  fs: ReferenceFS,
  model: TreeModel,
  handles: Map<number, HandleUnderTest>,
  operations: readonly Operation[],
  random: Random,
): Promise<string | undefined> {
  let finished = 0
  const looks: Promise<Look>[] = []
  const look = async (path: string): Promise<Look> => {
    const from = finished
    const seen = await fs.readFile(path).catch((error: unknown) => {
      const code = codeOf(error)
      if (code === undefined) throw error
      return code
    })
    // The change under way may be seen before its promise says so; and those that ended just now have
    // said so by the next turn.
    await nextTurn()
    return { path, seen, from, to: finished + 1 }
  }
  const changes = operations.map((operation) => {
    const files = [...model.paths()].filter(([, { kind }]) => kind === 'file')
    if (files.length > 0) looks.push(look((random.pick(files) as [string, unknown])[0]))
    if (random.oneIn(4)) looks.push(fs.df().then(() => ({ path: '', seen: '', from: 0, to: 0 })))
    return perform(fs, handles, operation, codeOf).finally(() => {
      finished++
    })
  })
  const outcomes = await Promise.all(changes)
  const trees = [model.clone()]
  for (const [i, operation] of operations.entries()) {
    const seen = outcomes[i]?.error
    const isRefused = model.refuses(operation)
    if (!isRefused && (seen === 'ENOSPC' || seen === 'ENAMETOOLONG')) {
      model.applyWithoutSpace(operation)
    } else {
      const expected = model.apply(operation).error
      if (seen !== expected) {
        return `${i} ${JSON.stringify(operation)}: ${seen ?? 'success'}, expected ${expected ?? 'success'}`
      }
    }
    trees.push(model.clone())
  }
  for (const { path, seen, from, to } of await Promise.all(looks)) {
    if (path === '') continue
    const allowed = trees.slice(from, to + 1).map((tree) => contentIn(tree, path))
    if (allowed.some((each) => isSame(each, seen))) continue
    const what = typeof seen === 'string' ? seen : `${seen.length} bytes`
    return `${path} read as ${what} while changes ${from} to ${to} of ${JSON.stringify(operations)} went on`
  }
  return undefined
}

/** Changes of the tree, and writes and closes of the handles that are open. */
function drawBatch(model: TreeModel, setup: Setup, random: Random): Operation[] {
  const draft = model.clone()
  const { blockSize, blockCount, inlineMax } = setup
  const profile = { blockSize, blockCount, inlineMax, slots: 0, remounts: false }
  const slots = [...model.handles.keys()]
  const operations: Operation[] = []
  const written = new Set<number>()
  // Which version it writes to, nobody can say of a handle that has written nothing yet and whose
  // file has newer content: without space it goes over to that.
  const mayGoOver = (slot: number): boolean => {
    const handle = model.handles.get(slot)
    if (handle === undefined || handle.dirty) return false
    return operations.length > 0 || handle.view !== handle.file.history.at(-1)
  }
  for (let count = 2 + random.int(12); count > 0; count--) {
    const slot = random.pick(slots)
    const content = { seed: random.seed(), size: random.int(3 * Math.min(blockSize, 2048)) }
    if (slot !== undefined && random.oneIn(3)) {
      // What a write does to a handle of which one has just failed, nobody says either.
      const isSpent = written.has(slot) || model.handles.get(slot)?.failed === true
      if (random.oneIn(4) || isSpent || mayGoOver(slot)) {
        operations.push({ do: 'close', slot })
        slots.splice(slots.indexOf(slot), 1)
      } else {
        operations.push({ do: 'write', slot, content })
        written.add(slot)
      }
      continue
    }
    const operation = drawOperation(random, draft, profile)
    draft.apply(operation)
    operations.push(operation)
  }
  // Opened in this batch, used in the next.
  const slot = [0, 1, 2].find((each) => !model.handles.has(each))
  const path = random.pick([...draft.paths()])?.[0] ?? '/'
  if (slot !== undefined) operations.push({ do: 'open', slot, path, mode: { write: true } })
  return operations
}

function contentIn(tree: TreeModel, path: string): Uint8Array | string {
  try {
    const node = tree.find(path)
    if (node === undefined) return 'ENOENT'
    return node.kind === 'file' ? node.bytes : 'EISDIR'
  } catch (error) {
    return (error as { code: string }).code
  }
}

function isSame(a: Uint8Array | string, b: Uint8Array | string): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
