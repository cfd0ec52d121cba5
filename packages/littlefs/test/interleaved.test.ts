/**
 * Thousands of promises at once, on a device that answers at random times: what each gave is what
 * some sequential order gives: changes in the order in which they were asked for, and every read
 * between two of them.
 */

import { JitterDevice, Random, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { LittleFS } from '../src/index.js'
import { freshDevice } from './node-face.js'

const PATHS = ['/a', '/b', '/c', '/d/a', '/d/b'] as const
const BATCH = 40

/** Files by path; a value is never changed. */
type Tree = ReadonlyMap<string, string>

type Result = string | { readonly error: string }

/** A change: what it makes of a tree, and how it is asked for. */
interface Change {
  readonly name: string
  readonly apply: (tree: Tree) => { tree: Tree; result: Result }
  readonly start: (fs: LittleFS) => Promise<unknown>
}

const done = (tree: Tree) => ({ tree, result: 'done' })
const refused = (tree: Tree, error: string) => ({ tree, result: { error } })

function drawChange(random: Random, serial: number): Change {
  const path = random.pick(PATHS) as string
  const other = random.pick(PATHS) as string
  const text = `${serial}:`.repeat(1 + random.int(3000))
  switch (random.int(6)) {
    case 0:
      return {
        name: `append ${path}`,
        start: (fs) => fs.appendFile(path, text),
        apply: (tree) => done(new Map(tree).set(path, (tree.get(path) ?? '') + text)),
      }
    case 1:
      return {
        name: `rename ${path} ${other}`,
        start: (fs) => fs.rename(path, other),
        apply(tree) {
          const moved = tree.get(path)
          if (moved === undefined) return refused(tree, 'ENOENT')
          const after = new Map(tree)
          after.delete(path)
          return done(after.set(other, moved))
        },
      }
    case 2:
      return {
        name: `unlink ${path}`,
        start: (fs) => fs.unlink(path),
        apply(tree) {
          const after = new Map(tree)
          return after.delete(path) ? done(after) : refused(tree, 'ENOENT')
        },
      }
    case 3:
      return {
        name: `copy ${path} ${other}`,
        start: (fs) => fs.copyFile(path, other),
        apply(tree) {
          const copied = tree.get(path)
          return copied === undefined
            ? refused(tree, 'ENOENT')
            : done(new Map(tree).set(other, copied))
        },
      }
    default:
      return {
        name: `write ${path}`,
        start: (fs) => fs.writeFile(path, text),
        apply: (tree) => done(new Map(tree).set(path, text)),
      }
  }
}

/** A read, and the part of the changes that it may have seen. */
interface Look {
  readonly of: (tree: Tree) => Result
  readonly name: string
  readonly seen: Result
  readonly from: number
  readonly to: number
}

async function outcome(promise: Promise<unknown>): Promise<Result> {
  try {
    const value = await promise
    return typeof value === 'string' ? value : 'done'
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === undefined) throw error
    return { error: code }
  }
}

const list = (tree: Tree) =>
  [...tree.keys()]
    .filter((path) => path.startsWith('/d/'))
    .map((path) => path.slice(3))
    .sort()
    .join()

describe('promises at once', () => {
  const { seed, runs } = seedFromEnvironment(60)

  it(`${runs} batches of ${BATCH} changes with reads beside them`, async () => {
    const random = new Random(seed)
    const fs = await LittleFS.mount(new JitterDevice(freshDevice(256), random))
    await fs.mkdir('/d')
    let tree: Tree = new Map()
    for (let batch = 0; batch < runs; batch++) {
      const changes = Array.from({ length: BATCH }, (_, i) => drawChange(random, i))
      let finished = 0
      const look = async (name: string, of: Look['of'], ask: () => Promise<unknown>) => {
        const from = finished
        const seen = await outcome(ask())
        // The change under way may be seen before its promise says so.
        return { name, of, seen, from, to: Math.min(finished + 1, BATCH) }
      }
      const looks: Promise<Look>[] = []
      const results = changes.map((change) => {
        const path = random.pick(PATHS) as string
        const missing = { error: 'ENOENT' }
        looks.push(
          look(
            path,
            (now) => now.get(path) ?? missing,
            () => fs.readFile(path, 'utf8'),
          ),
        )
        looks.push(
          look(
            `stat ${path}`,
            (now) => (now.has(path) ? `${now.get(path)?.length}` : missing),
            async () => `${(await fs.stat(path)).size}`,
          ),
        )
        looks.push(look('/d', list, async () => (await fs.readdir('/d')).sort().join()))
        return outcome(change.start(fs)).finally(() => {
          finished++
        })
      })
      const trees = [tree]
      for (const [i, change] of changes.entries()) {
        const expected = change.apply(tree)
        tree = expected.tree
        trees.push(tree)
        expect(await results[i], `batch ${batch}, ${i}: ${change.name}`).toEqual(expected.result)
      }
      for (const { name, of, seen, from, to } of await Promise.all(looks)) {
        const allowed = trees.slice(from, to + 1).map((each) => JSON.stringify(of(each)))
        const what = `batch ${batch}: ${name} between changes ${from} and ${to}`
        expect(allowed.includes(JSON.stringify(seen)), what).toBe(true)
      }
    }
    await fs.unmount()
  }, 120_000)

  it('a slow reader sees one version of a file, whatever is written meanwhile', async () => {
    const random = new Random(seed)
    const fs = await LittleFS.mount(new JitterDevice(freshDevice(512), random))
    const version = (i: number) => String.fromCharCode(97 + i).repeat(200_000)
    await fs.writeFile('/f', version(0))
    const writes = Array.from({ length: 20 }, (_, i) => fs.writeFile('/f', version(i + 1)))
    const reads = Array.from({ length: 60 }, () => fs.readFile('/f', 'utf8'))
    for (const text of await Promise.all(reads)) expect(text).toBe(text[0]?.repeat(200_000))
    await Promise.all(writes)
    expect(await fs.readFile('/f', 'utf8')).toBe(version(20))
  })

  // One found a block's place and went on from it, the other took it for known and did not wait.
  it('reads at once of files whose lists nobody has read yet', async () => {
    const random = new Random(seed)
    const device = freshDevice(2048)
    const fresh = await LittleFS.mount(device)
    const content = (i: number) => new Uint8Array(1_000_000 + i).fill(i)
    for (let i = 0; i < 4; i++) await fresh.writeFile(`/f${i}`, content(i))
    for (let round = 0; round < 20; round++) {
      const fs = await LittleFS.mount(new JitterDevice(device, random))
      const reads = Array.from({ length: 12 }, async (_, i) => {
        expect(Buffer.compare(await fs.readFile(`/f${i % 4}`), content(i % 4))).toBe(0)
      })
      await Promise.all(reads)
    }
  })

  it('handles share a file: writes of many are each whole, and appends all there', async () => {
    const random = new Random(seed)
    const fs = await LittleFS.mount(new JitterDevice(freshDevice(512), random))
    const handles = await Promise.all(Array.from({ length: 8 }, () => fs.open('/log', 'a+')))
    const lines = Array.from({ length: 200 }, (_, i) => `line ${i} ${'.'.repeat(random.int(90))}\n`)
    await Promise.all(lines.map((line, i) => handles[i % 8]?.write(line)))
    await Promise.all(handles.map((handle) => handle.close()))
    const found = (await fs.readFile('/log', 'utf8')).split('\n').map((line) => `${line}\n`)
    expect(found.slice(0, -1).sort()).toEqual([...lines].sort())
    await fs.unmount()
  })
})
