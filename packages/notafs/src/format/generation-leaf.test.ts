import { describe, expect, test } from 'vitest'
import { couldBecomeLeaf, encodeGenerationLeaf } from './generation-leaf.js'
import { Layout } from './layout.js'

const FORMAT_ID = new Uint8Array(8)
const FIELDS_BYTES = 64

describe.each([100, 300, 70_000])('a leaf of a device of %i pages', (pageCount) => {
  const layout = new Layout(512, pageCount, 'ADLER-32')
  const could = (page: Uint8Array, generation: number) =>
    couldBecomeLeaf(page, layout, FORMAT_ID, generation)
  // `isFresh`: with zeros where the filler is, as in the leaves of the original.
  const leafOf = (generation: number, isFresh: boolean) => {
    const page = new Uint8Array(512)
    const freeQueue = { id: 20, checksum: 0x12345678 }
    const payload = { id: 21, checksum: 0x9abcdef0 }
    const fields = { freeStart: 30, freeQueue, freeSectors: 60, payload, isAligned: !isFresh }
    encodeGenerationLeaf(page, layout, FORMAT_ID, { generation, ...fields }, isFresh)
    return page
  }

  test.each([true, false])('is known when it is torn in its fields, with zeros: %s', (isFresh) => {
    expect(could(leafOf(7, isFresh), 7)).toBe(true)
    for (const unit of [16, 32, 64]) {
      for (let at = 0; at < FIELDS_BYTES; at += unit) {
        const torn = leafOf(7, isFresh)
        torn.fill(0xa5, at, at + unit)
        expect(could(torn, 7), `${unit} bytes at ${at}`).toBe(true)
      }
    }
  })

  test('is none of another generation', () => expect(could(leafOf(7, false), 8)).toBe(false))

  test.each([
    ['zeros', () => 0],
    ['erased bytes', () => 0xff],
    ['content', (at: number) => (at * 7 + 3) % 251],
    ['a little content', (at: number) => (at < 100 ? 1 : 0)],
  ])('is no page of %s', (_, byteAt) => {
    expect(
      could(
        new Uint8Array(512).map((_, at) => byteAt(at)),
        7,
      ),
    ).toBe(false)
  })
})
