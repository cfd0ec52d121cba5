/** Looking into images: every block decoded, every commit listed, older states shown. */

import { MemoryDevice } from '@caravan/device'
import {
  commitLog,
  commitLogSync,
  type DumpedBlock,
  dump,
  dumpSync,
  LittleFS,
  type LoggedCommit,
} from '@caravan/littlefs'
import { contentOf, FaultyDevice, Random, seedFromEnvironment } from '@caravan/testkit'
import { describe, expect, it } from 'vitest'
import { cleanNames, deviceOf, goldenNames, imageOf, manifestOf } from './golden-images.js'
import { commitsOf, goldenLogs } from './golden-logs.js'

const deviceFor = (name: string) => {
  const { blockSize } = manifestOf(name)
  return new MemoryDevice(imageOf(name), { blockSize, readOnly: true })
}

describe('dump', () => {
  it.each(cleanNames)('%s: each block is what the mounted filesystem uses it for', (name) => {
    const uses = new Map(
      LittleFS.mountSync(deviceFor(name))
        .blockUseSync()
        .map((use) => [use.block, use]),
    )
    for (const { block, kind, path, inForce } of dumpSync(deviceFor(name))) {
      const use = uses.get(block)
      if (use === undefined) expect(['old log', 'erased', 'unused']).toContain(kind)
      else
        expect({ kind, path, active: inForce ?? true }).toEqual({
          kind: use.kind,
          // The pairs before the root hold the superblock, and count as its directory's.
          path: use.path ?? '/',
          active: use.active,
        })
    }
  })

  it('every tag of every log is there, with its bytes', () => {
    const dumps = new Map<string, DumpedBlock[]>()
    let tagCount = 0
    for (const { where, block, summary } of goldenLogs()) {
      const [name = '', number] = where.split(', ')
      if (!dumps.has(name)) dumps.set(name, [...dumpSync(deviceFor(name))])
      const dumped = dumps.get(name)?.[Number(number)]
      // What is a file's now is shown as its data.
      if (dumped?.kind === 'data') continue
      const raw = commitsOf(block, summary.end).map(({ start, end, tags }) => ({
        start,
        end,
        tags,
      }))
      expect(
        dumped?.log?.commits.map(({ start, end, tags }) => ({
          start,
          end,
          tags: tags.map(({ offset, type, id, deleted, data }) => ({
            at: offset,
            type,
            id: id ?? 0x3ff,
            length: deleted ? 0x3ff : data.length,
            data,
          })),
        })),
        where,
      ).toEqual(raw)
      tagCount += raw.reduce((sum, { tags }) => sum + tags.length, 0)
    }
    expect(tagCount).toBeGreaterThan(10_000)
  })

  it('pointers of data lead to the block before', () => {
    const blocks = [...dumpSync(deviceFor('ctz-sizes-512'))]
    const data = blocks.filter(({ kind }) => kind === 'data')
    expect(data.length).toBeGreaterThan(100)
    for (const { index = 0, path, pointers = [] } of data) {
      pointers.forEach((pointer, k) => {
        expect(blocks[pointer]).toMatchObject({ kind: 'data', path, index: index - 2 ** k })
      })
    }
  })

  it('what stands behind a torn commit is shown, and why it does not count', () => {
    const torn = [...dumpSync(deviceFor('corrupt-newest-commit-damaged'))].filter(
      ({ inForce, log }) => inForce === true && log?.end.kind === 'torn',
    )
    expect(torn).toHaveLength(1)
    expect(torn[0]?.log?.end).toMatchObject({ reason: expect.stringMatching(/^the CRC at \d+ is/) })
    expect(torn[0]?.log?.end.tags.length).toBeGreaterThan(0)
  })

  it.each(goldenNames.filter((name) => name.startsWith('corrupt')))('%s: an answer', (name) => {
    const { blockSize } = manifestOf(name)
    const device = new MemoryDevice(imageOf(name), { readOnly: true })
    const blocks = [...dumpSync(device, { blockSize })]
    expect(blocks.map(({ block }) => block)).toEqual(blocks.map((_, i) => i))
    expect(commitLogSync(device, { blockSize }).map(({ number }) => number)).toEqual(
      commitLogSync(device, { blockSize }).map((_, i) => i + 1),
    )
  })

  it('some blocks, and none that are not there; late answers change nothing', async () => {
    const device = deviceFor('attrs')
    const late = new FaultyDevice(device, { late: true })
    const some: DumpedBlock[] = []
    for await (const block of dump(late, { blocks: [1, 0] })) some.push(block)
    expect(some).toEqual([...dumpSync(device, { blocks: [1, 0] })])
    expect(some.map(({ block }) => block)).toEqual([1, 0])
    expect(() => [...dumpSync(device, { blocks: [100_000] })]).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
    expect(await commitLog(late)).toEqual(commitLogSync(device))
  })
})

describe('commit log', () => {
  it('says what each commit did', () => {
    const device = new MemoryDevice({ blockSize: 4096, blockCount: 32 })
    LittleFS.formatSync(device)
    const fs = LittleFS.mountSync(device, { times: 'none' })
    fs.mkdirSync('/d')
    fs.writeFileSync('/d/note', 'one')
    fs.writeFileSync('/d/note', 'longer')
    fs.setAttributeSync('/d/note', 7, new Uint8Array([1]))
    fs.rmSync('/d/note')
    fs.writeFileSync('/d/large', contentOf(1, 5000))
    const told = commitLogSync(device).filter(({ path }) => path === '/d')
    const last = told.at(-1)
    expect(last).toMatchObject({ current: true })
    const changes = told.flatMap((commit) => commit.changes)
    const note = { path: '/d/note', type: 'file' }
    expect(changes.filter(({ path }) => path === '/d/note')).toEqual([
      ...(changes.some(({ size }) => size === 0)
        ? [
            {
              ...note,
              kind: 'added',
              size: 0,
              sizeBefore: undefined,
              content: true,
              attributes: [],
            },
            { ...note, kind: 'changed', size: 3, sizeBefore: 0, content: true, attributes: [] },
          ]
        : [
            {
              ...note,
              kind: 'added',
              size: 3,
              sizeBefore: undefined,
              content: true,
              attributes: [],
            },
          ]),
      { ...note, kind: 'changed', size: 6, sizeBefore: 3, content: true, attributes: [] },
      { ...note, kind: 'changed', size: 6, sizeBefore: 6, content: false, attributes: [7] },
      { ...note, kind: 'removed', size: undefined, sizeBefore: 6, content: true, attributes: [] },
    ])
    expect(changes.at(-1)).toMatchObject({ path: '/d/large', size: 5000 })
  })
})

/** Names, sizes and contents of the files in one directory. */
function filesIn(fs: LittleFS, directory: string): Record<string, string> {
  const files: Record<string, string> = {}
  for (const { name, parentPath } of fs.readdirSync(directory, { withFileTypes: true })) {
    const path = `${parentPath === '/' ? '' : parentPath}/${name}`
    if (fs.statSync(path).isFile()) files[name] = fs.readFileSync(path, 'latin1') as string
  }
  return files
}

describe('older states', () => {
  const placeOf = ({ block, revision, end }: LoggedCommit) => `${block}, ${revision}, ${end}`

  it('each state of a directory that a log still holds is shown as it was', () => {
    const { seed, runs } = seedFromEnvironment(3)
    let shown = 0
    for (let run = 0; run < runs; run++) {
      const random = new Random(seed + run)
      // No block is used again, so that all of them still hold what they held.
      const device = new MemoryDevice({ blockSize: random.pick([512, 4096]), blockCount: 2000 })
      LittleFS.formatSync(device)
      const fs = LittleFS.mountSync(device, { times: 'none' })
      fs.mkdirSync('/d')
      const seen = new Map<string, Record<string, string>>()
      for (let step = 0; step < 40; step++) {
        const directory = random.pick(['/', '/d'])
        const path = `${directory === '/' ? '' : directory}/f${random.int(6)}`
        if (random.oneIn(4)) fs.rmSync(path, { force: true })
        else fs.writeFileSync(path, contentOf(random.seed(), random.pick([0, 5, 40, 700, 3000])))
        for (const commit of commitLogSync(device)) {
          const { current, path: of } = commit
          if (current && of !== undefined) seen.set(placeOf(commit), filesIn(fs, of))
        }
      }
      for (const commit of commitLogSync(device)) {
        const before = seen.get(placeOf(commit))
        if (before === undefined) continue
        const then = LittleFS.mountSync(device, { at: commit.number })
        expect(filesIn(then, commit.path as string), `seed ${seed + run}`).toEqual(before)
        shown++
      }
    }
    expect(shown).toBeGreaterThan(5 * runs)
  })

  const few = cleanNames.filter((name) => {
    const { blockSize, blockCount } = manifestOf(name)
    return blockSize * blockCount <= 64 * 1024
  })

  it.each(few)('%s: every state mounts, and the newest are as it is', (name) => {
    const tree = (fs: LittleFS) =>
      [...fs.walkSync()].map(({ path, type, size }) => ({ path, type, size }))
    const device = deviceOf(name)
    const now = tree(LittleFS.mountSync(device, { readOnly: true, nameMax: 1022 }))
    const commits = commitLogSync(device)
    const stride = Math.ceil(commits.length / 15)
    for (const { number, current } of commits.filter((_, i) => i % stride === 0)) {
      const then = LittleFS.mountSync(device, { at: number, nameMax: 1022 })
      if (current) expect(tree(then), `commit ${number}`).toEqual(now)
      else expect(then.readdirSync('/')).toBeInstanceOf(Array)
    }
  })

  it('is only read, and a number that there is not is said', async () => {
    const device = deviceOf('attrs')
    const fs = await LittleFS.mount(device, { at: 1 })
    expect(() => fs.writeFileSync('/x', 'x')).toThrow(expect.objectContaining({ code: 'EROFS' }))
    for (const at of [0, 100_000]) {
      expect(() => LittleFS.mountSync(device, { at })).toThrow(
        expect.objectContaining({ code: 'NO_SUCH_STATE' }),
      )
    }
  })
})
