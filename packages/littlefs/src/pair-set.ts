/** A set of metadata pairs, in either order of their blocks: in little memory, for walks over all. */

import type { BlockPair } from './format/metadata-log.js'

const EMPTY = 0xffffffff

export class PairSet {
  /** Two words a place: the lower block and the higher one. */
  private places = new Uint32Array(2 * 64).fill(EMPTY)
  private count = 0

  /** False where it was in the set before. */
  add([a, b]: BlockPair): boolean {
    if (4 * (this.count + 1) > this.places.length) this.grow()
    if (!this.put(Math.min(a, b), Math.max(a, b))) return false
    this.count++
    return true
  }

  private put(low: number, high: number): boolean {
    const { places } = this
    const mask = places.length / 2 - 1
    let place = (Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b)) >>> 0
    for (place ^= place >>> 15; ; place++) {
      const at = 2 * (place & mask)
      if (places[at] === EMPTY) {
        places[at] = low
        places[at + 1] = high
        return true
      }
      if (places[at] === low && places[at + 1] === high) return false
    }
  }

  private grow(): void {
    const before = this.places
    this.places = new Uint32Array(2 * before.length).fill(EMPTY)
    for (let at = 0; at < before.length; at += 2) {
      if (before[at] !== EMPTY) this.put(before[at] as number, before[at + 1] as number)
    }
  }
}
