/** The campaigns of littlefs: what `npm run soak` tries for as long as it is told. */

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { FsError, KeyValueError } from '@caravan/core'
import {
  BAD_BLOCK_WAYS,
  type Campaign,
  type CaseReport,
  contentOf,
  type Operation,
  type Profile,
  Random,
  shrinkList,
  shrinkListAsync,
} from '@caravan/testkit'
import { checkDamage } from './check-run.js'
import { type ConcurrentEnd, runConcurrently } from './concurrency-run.js'
import { KIND_NAMES, kindOf, type Place, places } from './crash-kinds.js'
import {
  type CrashCounts,
  type CutStoryOptions,
  cutStory,
  recordStory,
  type Story,
} from './crash-run.js'
import { cutChange } from './cut-change.js'
import { FACES, failRequests } from './device-errors-run.js'
import { tryWithoutSpace } from './disk-full-run.js'
import { mountNode, mountStore, NODE_CHANGES, STORE_CHANGES } from './face-changes.js'
import { type LifeEnd, liveWithCuts, RENAMES, relive } from './life-run.js'
import {
  drawNarrowSetup,
  drawSetup,
  drawSmallSetup,
  type Failure,
  runModel,
  type Setup,
} from './model-run.js'
import { repairDamage } from './repair-run.js'
import { cutCase, drawCase } from './sizes-run.js'
import { drawVersion1 } from './version1-made.js'
import { cutMigration, damageVersion1, smallVersion1 } from './version1-run.js'
import { type WearResult, type WearSetup, type WearWrite, wearOut } from './wear-run.js'

const PREPARED = 15
const RECORDED = 8
const MODEL_STEPS = 100
const BATCHES = 8
const LIFE_CUTS = 12

export function campaigns(root: string): Campaign[] {
  const golden = pathToFileURL(join(root, 'golden', 'littlefs', '/'))
  let recorded: ReturnType<typeof smallVersion1> | undefined
  return [
    {
      name: 'littlefs-power-cuts',
      what: 'random operations, cut at every request; some cut again during the repair',
      weight: 4,
      run: (seed) => powerCuts(seed, { samples: 1, cutAgain: 20 }),
    },
    {
      name: 'littlefs-double-cuts',
      what: 'random operations, cut at every request, each state cut again during the repair',
      weight: 3,
      run: (seed) => powerCuts(seed, { samples: 1, cutAgain: 1 }),
    },
    {
      name: 'littlefs-exhaustive-cuts',
      what: 'one operation of each kind on any geometry: all prefixes, and all subsets that are few',
      weight: 3,
      run: exhaustiveCuts,
    },
    {
      name: 'littlefs-second-cuts',
      what: 'one operation of each kind, cut at one request, and everywhere in the repair after it',
      weight: 3,
      run: secondCuts,
    },
    {
      name: 'littlefs-lives',
      what: 'many cuts in a row, each life going on from where the last one left it',
      weight: 2,
      run: (seed) => life(seed, drawSmallSetup, { slots: 3 }),
    },
    {
      name: 'littlefs-renames',
      what: 'lives of renames across directories, on logs so small that pairs split and move all the time',
      weight: 1,
      run: (seed) => life(seed, drawNarrowSetup, RENAMES),
    },
    {
      name: 'littlefs-faces',
      what: 'each change through node:fs and the key-value store, on any geometry, cut at every request',
      weight: 1,
      run: faces,
    },
    {
      name: 'littlefs-model',
      what: 'random operations beside a model, compared after each',
      weight: 2,
      run: modelRun,
    },
    {
      name: 'littlefs-disk-full',
      what: 'each kind of operation with 0, 1, 2... free blocks',
      weight: 1,
      run: diskFull,
    },
    {
      name: 'littlefs-concurrency',
      what: 'many promises at once on a device that answers late',
      weight: 1,
      run: concurrency,
    },
    {
      name: 'littlefs-wear',
      what: 'files rewritten until the device is worn out, in the five ways',
      weight: 1,
      run: wear,
    },
    {
      name: 'littlefs-device-errors',
      what: 'every request of a change failing, once or for ever, short or late',
      weight: 1,
      run: deviceErrors,
    },
    {
      name: 'littlefs-sizes',
      what: 'random trees, some left by a power cut, shrunk and defragmented, cut at every request',
      weight: 2,
      run: sizes,
    },
    {
      name: 'littlefs-check',
      what: 'golden images damaged at random: check against the independent checker and the mount',
      weight: 1,
      run: (seed) => checkDamaged(seed, golden),
    },
    {
      name: 'littlefs-repair',
      what: 'golden images damaged at random, repaired in place and into a new image, cut meanwhile',
      weight: 1,
      run: (seed) => repairDamaged(seed, golden),
    },
    {
      name: 'littlefs1-migration-cuts',
      what: 'made-up images of littlefs 1, migrated in place, cut at every request, and finished',
      weight: 1,
      run: migrationCuts,
    },
    {
      name: 'littlefs1-hostile',
      what: 'damaged images of littlefs 1: read, checked, migrated',
      weight: 1,
      run(seed) {
        recorded ??= smallVersion1(pathToFileURL(join(root, 'golden', 'littlefs1', '/')))
        return damagedVersion1(recorded, seed)
      },
    },
  ]
}

function sizes(seed: number): CaseReport {
  const random = new Random(seed)
  const setup = random.oneIn(3) ? drawNarrowSetup(random) : drawSmallSetup(random)
  const what = random.pick(['shrink', 'defrag'] as const)
  const counts: CrashCounts = { states: 0, doubleCuts: 0, subsets: 0 }
  const drawn = drawCase(random, setup, what, 6 + random.int(30))
  const failure = cutCase(drawn, random, counts, { cutAgain: 10 })
  return {
    counts: { 'changes of size': 1, 'states cut': counts.states, 'double cuts': counts.doubleCuts },
    failure: failure && `${what}, ${JSON.stringify(setup)}: ${failure}`,
  }
}

function checkDamaged(seed: number, golden: URL): CaseReport {
  const counts = { images: 0, clean: 0 }
  const failure = checkDamage(seed, golden, counts)
  return { counts: { 'damaged images checked': counts.images }, failure }
}

async function repairDamaged(seed: number, golden: URL): Promise<CaseReport> {
  const counts = { images: 0, mended: 0, states: 0 }
  const failure = await repairDamage(seed, golden, counts)
  const { images, mended, states } = counts
  return {
    counts: { 'damaged images repaired': images, 'of them whole': mended, 'repairs cut': states },
    failure,
  }
}

function migrationCuts(seed: number): CaseReport {
  const random = new Random(seed)
  const image = drawVersion1(random)
  const counts = { version1: 0, version2: 0, refused: 0 }
  const failure = cutMigration(image, random, counts)
  return {
    counts: {
      'littlefs 1 after a cut': counts.version1,
      'littlefs 2 after a cut': counts.version2,
      'no room': counts.refused,
    },
    failure: failure && `${failure}\n  ${JSON.stringify(image.geometry)}`,
  }
}

async function damagedVersion1(
  recorded: ReturnType<typeof smallVersion1>,
  seed: number,
): Promise<CaseReport> {
  const counts = { images: 0, migrated: 0 }
  const failure = await damageVersion1(recorded, new Random(seed), counts)
  return {
    counts: { 'damaged images': counts.images, 'of them migrated': counts.migrated },
    failure,
  }
}

function powerCuts(seed: number, options: CutStoryOptions): CaseReport {
  const random = new Random(seed)
  const setup = drawSmallSetup(random)
  const story = recordStory(setup, random, PREPARED, RECORDED)
  return cutsOf(story, random.seed(), options)
}

function exhaustiveCuts(seed: number): CaseReport {
  const random = new Random(seed)
  // So few units in a block that the prefixes of a commit are minutes at most.
  const small = places().filter(
    ({ setup: { blockSize, progSize } }) => blockSize <= 4096 && blockSize / progSize <= 64,
  )
  const { setup, unit } = random.pick(small)
  const kind = random.pick(KIND_NAMES)
  const story = recordStory(setup, random, ...kindOf(kind, unit))
  return cutsOf(story, random.seed(), { samples: 1, thorough: true, cutAgain: 100 })
}

/**
 * All pairs of cuts, one after the other: a seed stands for a kind, a place and the request of the
 * first cut, in this order, so that as many seeds as there are of these are every pair there is.
 */
function secondCuts(seed: number): CaseReport {
  // So few units in a block that each prefix can be tried.
  const small = places().filter(
    ({ setup: { blockSize, progSize } }) => blockSize <= 4096 && blockSize / progSize <= 4,
  )
  const kind = KIND_NAMES[seed % KIND_NAMES.length] as string
  const round = Math.floor(seed / KIND_NAMES.length)
  const { setup, unit } = small[round % small.length] as Place
  const story = recordStory(setup, new Random(seed), ...kindOf(kind, unit))
  const at = Math.floor(round / small.length) % (story.recording.requests.length + 1)
  return cutsOf(story, seed, { samples: 1, thorough: true, cutAgain: 'all', at })
}

function cutsOf(story: Story, cutSeed: number, options: CutStoryOptions): CaseReport {
  const counts: CrashCounts = { states: 0, doubleCuts: 0, subsets: 0 }
  const wrong = cutStory(story, new Random(cutSeed), counts, options)
  return { counts: named(counts), failure: wrong && shrunkCuts(story, cutSeed, options, wrong) }
}

const named = ({ states, doubleCuts, subsets }: CrashCounts) => ({
  'states cut': states,
  'double cuts': doubleCuts,
  'subsets of unsynced writes': subsets,
})

/** Leaves operations out, of both parts, as long as a cut still breaks something. */
function shrunkCuts(
  { setup, preparation, operations }: Story,
  cutSeed: number,
  options: CutStoryOptions,
  wrong: string,
): string {
  type Step = { readonly operation: Operation; readonly recorded: boolean }
  let what = wrong
  const fails = (steps: readonly Step[]) => {
    const part = (recorded: boolean) =>
      steps.filter((step) => step.recorded === recorded).map(({ operation }) => operation)
    try {
      const story = recordStory(setup, new Random(cutSeed), part(false), part(true))
      const counts = { states: 0, doubleCuts: 0, subsets: 0 }
      const found = cutStory(story, new Random(cutSeed), counts, options)
      if (found !== undefined) what = found
      return found !== undefined
    } catch {
      // A list that the model does not take is another failure than the one to be shown.
      return false
    }
  }
  const steps = [
    ...preparation.map((operation) => ({ operation, recorded: false })),
    ...operations.map((operation) => ({ operation, recorded: true })),
  ]
  const shortest = shrinkList<Step>(steps, fails, 200)
  const lines = shortest.map(
    ({ operation, recorded }) => `  ${recorded ? 'cut' : 'before'}: ${JSON.stringify(operation)}`,
  )
  return [what, `  ${JSON.stringify(setup)}`, ...lines].join('\n')
}

function life(
  seed: number,
  draw: (random: Random) => Setup,
  profile: Partial<Profile>,
): CaseReport {
  const random = new Random(seed)
  const setup = draw(random)
  const counts: CrashCounts = { states: 0, doubleCuts: 0, subsets: 0 }
  const end = liveWithCuts(setup, random, LIFE_CUTS, counts, profile)
  return { counts: named(counts), failure: end.wrong && shrunkLife(setup, end) }
}

/** Leaves operations out, and cuts with them, as long as something still breaks. */
function shrunkLife(setup: Setup, { wrong, episodes }: LifeEnd): string {
  type Step = { readonly index: number; readonly recorded: boolean; readonly operation: Operation }
  let what = wrong
  const steps = episodes.flatMap(({ calm, busy }, index) => [
    ...calm.map((operation): Step => ({ index, recorded: false, operation })),
    ...busy.map((operation): Step => ({ index, recorded: true, operation })),
  ])
  const fails = (kept: readonly Step[]) => {
    const shorter = episodes.map(({ cutSeed }, index) => {
      const part = (recorded: boolean) =>
        kept
          .filter((step) => step.index === index && step.recorded === recorded)
          .map(({ operation }) => operation)
      return { calm: part(false), busy: part(true), cutSeed }
    })
    const again = relive(setup, shorter, { states: 0, doubleCuts: 0, subsets: 0 }).wrong
    if (again === undefined || kindOfFailure(again) !== kindOfFailure(wrong ?? '')) return false
    what = again
    return true
  }
  const lines = shrinkList<Step>(steps, fails, 500).map(
    ({ index, recorded, operation }) =>
      `  ${recorded ? `cut ${index}` : 'before'}: ${JSON.stringify(operation)}`,
  )
  return [what, `  ${JSON.stringify(setup)}`, ...lines].join('\n')
}

/** Two failures are of one kind where they say the same but for numbers. */
const kindOfFailure = (what: string) =>
  what
    .replace(/^(operation|batch) \d+: /, '')
    .split('\n')[0]
    ?.replace(/\d+/g, '#')
    .slice(0, 40)

function faces(seed: number): CaseReport {
  const random = new Random(seed)
  const place = random.pick(places().filter(({ setup }) => setup.blockSize >= 256))
  const counts: CrashCounts = { states: 0, doubleCuts: 0, subsets: 0 }
  const changes = random.oneIn(3)
    ? STORE_CHANGES.map((change) => ({
        name: change.name,
        cut: () => cutChange(mountStore, change, place, random, counts),
      }))
    : NODE_CHANGES.map((change) => ({
        name: change.name,
        cut: () => cutChange(mountNode, change, place, random, counts),
      }))
  const { name, cut } = random.pick(changes)
  const wrong = cut()
  return {
    counts: named(counts),
    failure: wrong && `${name}, ${wrong}\n  ${JSON.stringify(place.setup)}`,
  }
}

function diskFull(seed: number): CaseReport {
  const random = new Random(seed)
  const small = places().filter(({ setup }) => setup.blockSize <= 4096)
  const place = random.pick(small)
  const kind = random.pick(KIND_NAMES)
  const counts = { tried: 0, refused: 0 }
  const wrong = tryWithoutSpace(kind, place, counts)
  return {
    counts: { 'operations on a full device': counts.tried },
    failure: wrong && `${kind}, ${wrong}\n  ${JSON.stringify(place.setup)}`,
  }
}

function wear(seed: number): CaseReport {
  const random = new Random(seed)
  const wearLimit = random.pick([5, 10, 20])
  const blockCount = 64 + random.int(128)
  const setup = {
    blockSize: random.pick([256, 512, 1024]),
    blockCount,
    readSize: 16,
    progSize: 16,
    wearLimit,
    wornWay: random.pick(BAD_BLOCK_WAYS),
    blockCycles: random.pick([1, 2, 5, wearLimit >> 1]),
    diskVersion: random.pick(['2.0', '2.1'] as const),
    writtenFiles: 1 + random.int(10),
    // Each cycle erases a block at least: by then no erase can be left.
    cyclesMax: 2 * blockCount * wearLimit,
  }
  const result = wearOut(setup, random)
  const { died, wrong, lastWords } = result
  const failure = died ? undefined : 'it did not wear out'
  return {
    counts: { 'runs to wear-out': died ? 1 : 0 },
    failure:
      wrong === undefined
        ? failure && `${failure} ${lastWords}\n  ${JSON.stringify(setup)}`
        : shrunkWear(setup, result),
  }
}

/** Leaves writes out as long as something is read that was not written, or ends in another way. */
function shrunkWear(setup: WearSetup, { wrong, writes }: WearResult): string {
  let what = wrong
  const fails = (kept: readonly WearWrite[]) => {
    const cyclesMax = 1 + (kept.at(-1)?.cycle ?? 0)
    const again = wearOut({ ...setup, cyclesMax }, kept).wrong
    if (again === undefined || kindOfFailure(again) !== kindOfFailure(wrong ?? '')) return false
    what = again
    return true
  }
  const kept = shrinkList<WearWrite>(writes, fails, 100)
  const lines = kept.slice(-20).map((write) => `  ${JSON.stringify(write)}`)
  const rest = kept.length > 20 ? [`  ${kept.length - 20} writes, and then`] : []
  return [what, `  ${JSON.stringify(setup)}`, ...rest, ...lines].join('\n')
}

async function deviceErrors(seed: number): Promise<CaseReport> {
  const random = new Random(seed)
  const face = random.pick(FACES)
  const [name, calls] = random.pick(Object.entries(face.changes)) as [string, never]
  const blockSize = random.pick([128, 256, 512, 4096])
  const setup = {
    blockSize,
    blockCount: 64 + random.int(64),
    readSize: random.pick([1, 16]),
    progSize: random.pick([1, 16, 128]),
    blockCycles: random.pick([1, 2, -1]),
    diskVersion: random.pick(['2.0', '2.1'] as const),
  }
  const filler = random.int(6)
  const fill = Array.from({ length: filler }, (_, i) =>
    contentOf(random.seed(), i * random.int(200)),
  )
  const late = random.oneIn(3)
  const faultSeed = random.seed()
  const attempt = (contents: readonly Uint8Array[]) =>
    failRequests(face, calls, { setup, fill: contents, late }, new Random(faultSeed)).catch(
      (error: unknown) => {
        // With other entries beside it, what is to change at once may lie in two logs; and on the
        // smallest devices there may be no room for them.
        const isOutside =
          (error instanceof KeyValueError && error.code === 'NotAtomic') ||
          (error instanceof FsError && error.code === 'ENOSPC')
        if (isOutside) return { errors: 0, wrong: undefined }
        throw error
      },
    )
  const { errors, wrong } = await attempt(fill)
  const counts = { 'errors injected': errors }
  if (wrong === undefined) return { counts }
  let what = wrong
  const kept = await shrinkListAsync(fill, async (fewer) => {
    const again = (await attempt(fewer)).wrong
    if (again !== undefined) what = again
    return again !== undefined
  })
  const sizes = kept.map(({ length }) => length)
  const details = JSON.stringify({ ...setup, late, filesBeside: sizes })
  return { counts, failure: `${face.name}, ${name}: ${what}\n  ${details}` }
}

function modelRun(seed: number): CaseReport {
  const random = new Random(seed)
  const setup = drawSetup(random)
  const failure = runModel(setup, { random, count: MODEL_STEPS })
  const counts = { 'operations beside a model': failure?.step ?? MODEL_STEPS }
  if (failure === undefined) return { counts }
  const { what, operations } = shrunkModelRun(setup, failure)
  const lines = operations.map((operation) => `  ${JSON.stringify(operation)}`)
  return { counts, failure: [what, `  ${JSON.stringify(setup)}`, ...lines].join('\n') }
}

/** The failure of the shortest list of operations that still fails in the same way. */
function shrunkModelRun(setup: Setup, failure: Failure): Failure {
  const kind = ({ what }: Failure) => kindOfFailure(what)
  const operations = shrinkList<Operation>(failure.operations, (shorter) => {
    const again = runModel(setup, shorter)
    return again !== undefined && kind(again) === kind(failure)
  })
  return runModel(setup, operations) ?? failure
}

async function concurrency(seed: number): Promise<CaseReport> {
  const random = new Random(seed)
  const setup = drawSetup(random)
  const end = await runConcurrently(setup, random, BATCHES)
  const failure = end.wrong && (await shrunkBatches(setup, random.seed(), end))
  return { counts: { 'batches of promises': end.batches.length }, failure }
}

/** Leaves operations out as long as the rest, started at once, still goes wrong at some seed. */
async function shrunkBatches(
  setup: Setup,
  seed: number,
  { wrong, batches }: ConcurrentEnd,
): Promise<string> {
  type Step = { readonly index: number; readonly operation: Operation }
  let what = wrong
  const steps = batches.flatMap((batch, index) =>
    batch.map((operation): Step => ({ index, operation })),
  )
  const fails = async (kept: readonly Step[]) => {
    const shorter = batches.map((_, index) =>
      kept.filter((step) => step.index === index).map(({ operation }) => operation),
    )
    // When the device answers is drawn anew: with fewer requests it would be another order anyway.
    for (let attempt = 0; attempt < 5; attempt++) {
      const again = await runConcurrently(setup, new Random(seed + attempt), shorter)
      if (again.wrong === undefined) continue
      if (kindOfFailure(again.wrong) !== kindOfFailure(wrong ?? '')) continue
      what = again.wrong
      return true
    }
    return false
  }
  const lines = (await shrinkListAsync<Step>(steps, fails, 200)).map(
    ({ index, operation }) => `  batch ${index}: ${JSON.stringify(operation)}`,
  )
  return [what, `  ${JSON.stringify(setup)}`, ...lines].join('\n')
}
