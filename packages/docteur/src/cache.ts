/**
 * Cache: what was read, inflated or decoded, all kinds of it within one budget in bytes.
 *
 * 1. Everything in it can be made again from the image; nothing in it is ever changed.
 * 2. What it costs together stays within the budget. What alone costs more than an eighth of it is
 *    not kept.
 * 3. The oldest goes first, but for what was used since it was last looked at (second chance): so a
 *    hit costs one look into a map.
 */

/** The largest part of the budget that one thing may take. */
const SHARE_MAX = 8

interface Slot {
  readonly shelf: Map<number, Slot>
  readonly key: number
  readonly value: unknown
  readonly cost: number
  used: boolean
}

export class Cache {
  private readonly queue = new Set<Slot>()
  private costBytes = 0

  constructor(readonly budgetBytes: number) {}

  /** Bytes that it holds. */
  get heldBytes(): number {
    return this.costBytes
  }

  /** A part of it for one kind of thing. */
  shelf<V>(): Shelf<V> {
    const slots = new Map<number, Slot>()
    return {
      get: (key) => {
        const slot = slots.get(key)
        if (slot === undefined) return undefined
        slot.used = true
        return slot.value as V
      },
      keep: (key, value, cost) => {
        if (cost > this.budgetBytes / SHARE_MAX || slots.has(key)) return
        const slot: Slot = { shelf: slots, key, value, cost, used: false }
        slots.set(key, slot)
        this.queue.add(slot)
        this.costBytes += cost
        this.shrink()
      },
    }
  }

  clear(): void {
    for (const { shelf } of this.queue) shelf.clear()
    this.queue.clear()
    this.costBytes = 0
  }

  private shrink(): void {
    if (this.costBytes <= this.budgetBytes) return
    for (const slot of this.queue) {
      this.queue.delete(slot)
      if (slot.used) {
        // Behind all others: met again only once they all had their turn.
        slot.used = false
        this.queue.add(slot)
        continue
      }
      slot.shelf.delete(slot.key)
      this.costBytes -= slot.cost
      if (this.costBytes <= this.budgetBytes) return
    }
  }
}

export interface Shelf<V> {
  get(key: number): V | undefined
  /** Keeps a value that is not kept yet, where it is not too large. */
  keep(key: number, value: V, costBytes: number): void
}
