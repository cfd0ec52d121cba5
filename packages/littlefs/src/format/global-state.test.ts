import { propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockOf } from '../../test/golden-images.js'
import {
  decodeGlobalState,
  encodeGlobalState,
  hasOrphans,
  isZeroState,
  pendingMove,
  withMove,
  withOrphans,
  xorStates,
  ZERO_STATE,
} from './global-state.js'
import { makeTag, TagType } from './tag.js'

const word = fc.integer({ min: 0, max: 0xffffffff })
const states = fc.record({ tag: word.map((tag) => tag | 0), pair: fc.tuple(word, word) })

describe('deltas that the reference wrote: rename-mix, block 1', () => {
  const block = blockOf('rename-mix', 1)
  /** The commit that puts the entry in its new place (the tag at 215, its data behind it). */
  const first = decodeGlobalState(block, 219, 12)
  /** A later commit, which takes another entry out of its old place. */
  const second = decodeGlobalState(block, 264, 12)

  it('begin a move of entry 0 of the pair {18, 19}', () => {
    expect(pendingMove(first)).toEqual({ pair: [18, 19], id: 0, sound: true })
    expect(hasOrphans(first)).toBe(false)
    expect(encodeGlobalState(first)).toEqual(block.slice(219, 231))
    expect(withMove(ZERO_STATE, { pair: [18, 19], id: 0 })).toEqual(first)
  })

  it('add up: with entry 3 taken out, the pair has that move as well as the first in its share', () => {
    expect(encodeGlobalState(second)).toEqual(block.slice(264, 276))
    // The later delta replaces the earlier one of its pair; it cancels what another pair holds.
    expect(pendingMove(xorStates(first, second))).toEqual({ pair: [1, 0], id: 3, sound: true })
  })
})

describe('global state', () => {
  it('a short delta reads as zero beyond its end, and none is no state', () => {
    const bytes = encodeGlobalState({ tag: 0x4ff00000, pair: [5, 6] })
    expect(decodeGlobalState(bytes, 0, 8)).toEqual({ tag: 0x4ff00000, pair: [5, 0] })
    expect(isZeroState(decodeGlobalState(bytes, 0, 0))).toBe(true)
  })

  it('comes back as encoded', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(decodeGlobalState(encodeGlobalState(state), 0, 12)).toEqual(state)
      }),
      propertyParameters(),
    )
  })

  it('is a sum in which every delta undoes itself, in any order', () => {
    fc.assert(
      fc.property(states, states, states, (a, b, c) => {
        expect(isZeroState(xorStates(a, a))).toBe(true)
        expect(xorStates(a, ZERO_STATE)).toEqual(a)
        expect(xorStates(xorStates(a, b), c)).toEqual(xorStates(c, xorStates(b, a)))
      }),
      propertyParameters(),
    )
  })

  it('keeps orphans and moves apart', () => {
    const move = { pair: [0xfffffff0, 7] as const, id: 0x3fe }
    const both = withMove(withOrphans(ZERO_STATE, true), move)
    expect(hasOrphans(both)).toBe(true)
    expect(pendingMove(both)).toEqual({ ...move, sound: true })
    expect(withMove(both, undefined)).toEqual(withOrphans(ZERO_STATE, true))
    expect(withOrphans(both, false)).toEqual(withMove(ZERO_STATE, move))
    expect(isZeroState(withOrphans(withMove(both, undefined), false))).toBe(true)
    expect(pendingMove(withOrphans(ZERO_STATE, true))).toBeUndefined()
  })

  it('knows a move that cannot be: any tag but DELETE', () => {
    const wrong = { tag: makeTag(TagType.CREATE, 2, 0), pair: [4, 5] as const }
    expect(pendingMove(wrong)).toEqual({ pair: [4, 5], id: 2, sound: false })
  })
})
