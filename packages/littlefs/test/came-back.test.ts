/**
 * What came back of every damaged golden image: the tables of docs/damaged.md, which are held against what
 * is found here. CARAVAN_WRITE_TABLES=1 writes them.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { MemoryDevice } from '@caravan/device'
import { ChamelonVolume, checkSync, planRepair, recover, repair, salvage } from '@caravan/littlefs'
import { checkLittlefs } from '@caravan/testkit'
import { parseTar } from 'nanotar'
import { expect, it } from 'vitest'
import { goldenNames, imageOf, type Manifest, manifestOf, sha256 } from './golden-images.js'
import { treeOf } from './repair-run.js'

const pageUrl = new URL('../../../docs/damaged.md', import.meta.url)
const golden = new URL('../../../golden/', import.meta.url)

/** The files that were there before the damage: content by path. A swapped pair means the same. */
function undamaged(name: string): Map<string, string> {
  const base = name.startsWith('corrupt2') ? 'corrupt2-dir-pointer-swapped' : 'corrupt-none'
  const files = (manifestOf(base).entries ?? []).filter(({ type }) => type === 'reg')
  return new Map(files.map(({ path, sha256: sum }) => [path, sum ?? '']))
}

/** Images that never were a littlefs, or hold another one. */
const NEVER = /^corrupt-(all-00|all-ff|noise-\d|text|one-block|zero-length)$/

function rightIn(image: Uint8Array, blockSize: number, files: ReadonlyMap<string, string>): number {
  const lines = treeOf(image, blockSize) ?? []
  return [...files].filter(([path, sum]) =>
    lines.some((line) => line.startsWith(`${path} file ${sum}`)),
  ).length
}

async function corruptRow(name: string): Promise<string> {
  const { blockSize } = manifestOf(name)
  const files = undamaged(name)
  const image = imageOf(name)
  const codes = [
    ...new Set(checkSync(new MemoryDevice(image), { blockSize }).findings.map(({ code }) => code)),
  ]
  const mounted = rightIn(image, blockSize, files)
  const mounts = treeOf(image, blockSize) === undefined ? 'no mount' : `${mounted}`

  const mended = image.slice()
  const { steps, left } = await repair(new MemoryDevice(mended, { blockSize }), { blockSize })
  const errors = left.filter(({ severity }) => severity === 'error').length
  const inPlace = errors > 0 ? 'no' : steps.length === 0 ? '-' : 'yes'

  const device = new MemoryDevice(image, { blockSize, readOnly: true })
  const made = await salvage(device, { blockSize }).catch(() => undefined)
  const inNew = made === undefined ? 'no' : `${rightIn(made.bytes, blockSize, files)}`

  const sums = new Set<string>()
  for (const file of await recover(device, { blockSize }).catch(() => [])) {
    if (file.left === 'whole') sums.add(sha256(await file.content()))
  }
  const lines = treeOf(made?.bytes ?? image, blockSize) ?? []
  const all = [...files].filter(
    ([path, sum]) => sums.has(sum) || lines.some((line) => line.startsWith(`${path} file ${sum}`)),
  ).length
  return `| ${name} | ${codes.join(', ') || 'nothing'} | ${mounts} | ${inPlace} | ${inNew} | ${all} of ${files.size} |`
}

async function powerlossRow(file: string): Promise<string> {
  const folder = new URL('littlefs/powerloss/', golden)
  const manifests: (Manifest & { img: string })[] = JSON.parse(
    readFileSync(new URL(file, folder), 'utf8'),
  )
  const archive = readFileSync(new URL(file.replace('.json', '.tar.gz'), folder))
  const images = new Map(
    parseTar(new Uint8Array(gunzipSync(archive))).map(({ name, data }) => [name, data]),
  )
  const counts = { states: 0, mounted: 0, same: 0, sound: 0 }
  for (const { img, blockSize } of manifests) {
    counts.states++
    const image = Uint8Array.from(images.get(img) as Uint8Array)
    const before = treeOf(image, blockSize)
    if (before === undefined) continue
    counts.mounted++
    await repair(new MemoryDevice(image, { blockSize }), { blockSize })
    if (treeOf(image, blockSize)?.join() === before.join()) counts.same++
    if (checkLittlefs(image, { blockSize }).length === 0) counts.sound++
  }
  const { states, mounted, same, sound } = counts
  return `| ${file.replace('.json', '')} | ${states} | ${mounted} | ${sound} | ${same} |`
}

async function quirkRow(name: string): Promise<string> {
  const folder = new URL('chamelon/', golden)
  const image = new Uint8Array(gunzipSync(readFileSync(new URL(`${name}.img.gz`, folder))))
  const manifest = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as {
    expected: { path: string; kind: string; sha256?: string }[]
  }
  const codes = checkSync(new MemoryDevice(image)).findings.map(({ code }) => code)
  const { steps } = await planRepair(new MemoryDevice(image))
  const volume = ChamelonVolume.mountSync(new MemoryDevice(image))
  const values = manifest.expected.filter(({ kind }) => kind === 'value')
  const right = values.filter(
    ({ path, sha256: sum }) =>
      volume.existsSync(path) === 'value' && sha256(volume.getSync(path)) === sum,
  ).length
  return `| ${name} | ${codes.join(', ')} | ${steps.length === 0 ? 'no' : 'yes'} | ${right} of ${values.length} |`
}

async function tables(): Promise<Record<string, string>> {
  const names = goldenNames.filter((name) => name.startsWith('corrupt') && !NEVER.test(name))
  const never = goldenNames.filter((name) => NEVER.test(name))
  for (const name of never) expect(treeOf(imageOf(name), 512)).toBeUndefined()
  const corrupt = [
    '| image | `check` says | right files in a mount | mended in place | right files in the image of `repair --to` | with those of `recover` |',
    '| --- | --- | --: | --- | --: | --: |',
  ]
  for (const name of names) corrupt.push(await corruptRow(name))
  const powerloss = [
    '| what was cut | states | mount | sound after `repair` | show the same as before |',
    '| --- | --: | --: | --: | --: |',
  ]
  const scripts = readdirSync(new URL('littlefs/powerloss/', golden)).filter((file) =>
    file.endsWith('.json'),
  )
  for (const file of scripts.sort()) powerloss.push(await powerlossRow(file))
  const quirk = [
    '| image | `check` says | mended in place | right values in `caravan kv`, `caravan convert` |',
    '| --- | --- | --- | --: |',
  ]
  for (const name of ['quirk-duplicate-512', 'quirk-inline-4096']) quirk.push(await quirkRow(name))
  return { corrupt: corrupt.join('\n'), powerloss: powerloss.join('\n'), quirk: quirk.join('\n') }
}

it('the tables of docs/damaged.md say what came back', async () => {
  let page = readFileSync(pageUrl, 'utf8')
  for (const [name, table] of Object.entries(await tables())) {
    const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`]
    if (process.env.CARAVAN_WRITE_TABLES === '1') {
      page = `${page.split(begin)[0]}${begin}${table}${end}${page.split(end)[1]}`
    }
    expect(page.split(begin)[1]?.split(end)[0], name).toBe(table)
  }
  if (process.env.CARAVAN_WRITE_TABLES === '1') writeFileSync(pageUrl, page)
}, 120_000)
