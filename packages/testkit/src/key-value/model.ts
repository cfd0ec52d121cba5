/** Random operations on a store and on a map, compared. One seed replays them all. */

import { deepEqual, equal } from 'node:assert/strict'
import { seedFromEnvironment } from '../seeds.js'
import type { Driver } from './driver.js'

const NAMES = ['a', 'ab', 'b', 'c/a', 'c/b', 'c/d/e', 'long-name-of-a-key', 'ü']

/** @throws AssertionError with the seed in its message. */
export async function compareWithModel(store: Driver, steps: number): Promise<void> {
  const { seed } = seedFromEnvironment()
  const random = generator(seed)
  const model = new Map<string, string>()
  const pick = () => `/${NAMES[Math.floor(random() * NAMES.length)]}`
  for (let step = 0; step < steps; step++) {
    const about = `seed ${seed}, step ${step}`
    const key = pick()
    const choice = random()
    if (choice < 0.5) {
      const value = `${step}`.repeat(1 + Math.floor(random() ** 4 * 400))
      await store.call('set', key, value)
      model.set(key, value)
    } else if (choice < 0.6) {
      await store.call('remove', key)
      model.delete(key)
    } else if (choice < 0.7) {
      const dest = pick()
      const code = await store.codeOf(() => store.call('rename', key, dest))
      const value = model.get(key)
      equal(code, value === undefined ? 'NotFound' : undefined, about)
      if (value !== undefined && key !== dest) {
        model.delete(key)
        model.set(dest, value)
      }
    } else if (choice < 0.8) {
      const code = await store.codeOf(() => store.call('setPartial', key, 2, 'xyz'))
      const value = model.get(key)
      equal(code, value === undefined ? 'NotFound' : undefined, about)
      if (value !== undefined) model.set(key, `${value.slice(0, 2)}xyz${value.slice(5)}`)
    } else {
      const value = model.get(key)
      equal(await store.call('exists', key), value === undefined ? undefined : 'value', about)
      if (value !== undefined) equal(await store.text(key), value, about)
    }
    if (step % 50 === 49) await compareAll(store, model, about)
  }
  await store.reopen()
  await compareAll(store, model, `seed ${seed}, after a remount`)
}

async function compareAll(store: Driver, model: Map<string, string>, about: string): Promise<void> {
  const values = (await store.entries('/')).filter(([, kind]) => kind === 'value')
  deepEqual(values.map(([key]) => key).sort(), [...model.keys()].sort(), about)
  for (const [key, value] of model) equal(await store.text(key), value, about)
  const size = [...model.values()].reduce((sum, value) => sum + value.length, 0)
  equal(await store.call('size', '/'), size, about)
}

/** mulberry32. */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
