/** Random changes through `node:fs`: those that notafs makes in one step. */

import type { NotaFS } from '@caravan/notafs'
import { contentOf, type Random } from '@caravan/testkit'

/** Directories that only these changes make, move and remove. */
export const DIRECTORIES = ['m1', 'm2', 'm3']

const SIZES = [0, 1, 20, 400, 508, 509, 1500, 6000]

/** Makes one change of a file or directory, or none where there is nothing to change. */
export function fileChange(fs: NotaFS, model: Map<string, Uint8Array>, random: Random): void {
  const files = [...model.keys()].filter((key) => !key.endsWith('/'))
  const made = DIRECTORIES.filter((name) => model.has(`${name}/`))
  const data = contentOf(random.seed(), random.pick(SIZES))
  if (files.length === 0 || random.oneIn(4)) {
    changeDirectory(fs, model, made, data, random)
    return
  }
  const name = random.pick(files)
  const path = `/${name}`
  const old = model.get(name) as Uint8Array
  switch (random.int(8)) {
    case 0:
      fs.writeFileSync(path, data)
      model.set(name, data)
      return
    case 1:
      fs.appendFileSync(path, data)
      model.set(name, joined(old, old.length, data))
      return
    case 2: {
      const size = random.int(4000)
      fs.truncateSync(path, size)
      model.set(name, joined(old.subarray(0, size), size, new Uint8Array(0)))
      return
    }
    case 3: {
      const position = random.int(old.length + 600)
      writeAt(fs, path, position, data)
      if (data.length > 0) model.set(name, joined(old, position, data))
      return
    }
    case 4: {
      const to = random.pick(files)
      fs.renameSync(path, `/${to}`)
      if (to === name) return
      model.delete(name)
      model.set(to, old)
      return
    }
    case 5:
      fs.unlinkSync(path)
      model.delete(name)
      return
    case 6:
      fs.utimesSync(path, random.int(2 ** 31), random.int(2 ** 31))
      return
    default: {
      writeAt(fs, path, 0, data, true)
      if (data.length > 0) model.set(name, joined(old, 0, data))
    }
  }
}

/** Through a handle: saved by a sync, or by the close. */
function writeAt(
  fs: NotaFS,
  path: string,
  position: number,
  data: Uint8Array,
  syncs = false,
): void {
  const fd = fs.openSync(path, 'r+')
  try {
    fs.writeSync(fd, data, 0, data.length, position)
    if (syncs) fs.fsyncSync(fd)
  } catch (error) {
    try {
      fs.closeSync(fd)
    } catch {
      // It says once more that nothing was saved.
    }
    throw error
  }
  fs.closeSync(fd)
}

/** Old content with bytes written over it at a place; a gap before them is zeros. */
function joined(old: Uint8Array, position: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.max(old.length, position + data.length))
  bytes.set(old)
  bytes.set(data, position)
  return bytes
}

function changeDirectory(
  fs: NotaFS,
  model: Map<string, Uint8Array>,
  made: readonly string[],
  data: Uint8Array,
  random: Random,
): void {
  const missing = DIRECTORIES.filter((name) => !made.includes(name))
  if (made.length === 0 || (missing.length > 0 && random.oneIn(3))) {
    const name = random.pick(missing)
    fs.mkdirSync(`/${name}`)
    model.set(`${name}/`, new Uint8Array(0))
    return
  }
  const name = random.pick(made)
  const inside = [...model.keys()].filter((key) => key.startsWith(`${name}/`) && key !== `${name}/`)
  const kind = random.int(4)
  if (kind === 0 && inside.length === 0) {
    fs.rmdirSync(`/${name}`)
    model.delete(`${name}/`)
  } else if (kind === 1 && missing.length > 0) {
    const to = random.pick(missing)
    fs.renameSync(`/${name}`, `/${to}`)
    for (const key of [`${name}/`, ...inside]) {
      model.set(`${to}${key.slice(name.length)}`, model.get(key) as Uint8Array)
      model.delete(key)
    }
  } else {
    const file = `${name}/${random.pick(['f', 'g', 'h'])}`
    fs.writeFileSync(`/${file}`, data)
    model.set(file, data)
  }
}
