import { propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanNames, deviceOf } from '../../test/golden-images.js'
import { LittleFS } from '../littlefs.js'
import {
  byteString,
  byteStringToBytes,
  byteStringToText,
  compareNames,
  textToByteString,
} from './name.js'

const bytes = fc.uint8Array({ maxLength: 255 })
const nameBytes = fc.uint8Array({ min: 0x61, max: 0x63, maxLength: 4 })

describe('compareNames', () => {
  it('is the order that the reference keeps: every directory of every clean image', () => {
    let compared = 0
    for (const name of cleanNames) {
      const fs = LittleFS.mountSync(deviceOf(name))
      for (const entry of fs.walkSync()) {
        if (entry.type !== 'directory') continue
        const listed = fs.readdirSync(entry.pathBytes, { encoding: 'buffer' })
        const names = listed.map((each) => byteString(each, 0, each.length))
        for (let i = 1; i < names.length; i++, compared++) {
          const [a, b] = [names[i - 1] as string, names[i] as string]
          expect(compareNames(a, b), `${name}: ${a} before ${b}`).toBe(-1)
        }
      }
    }
    expect(compared).toBeGreaterThan(4000)
  })

  it('puts a longer name before what it begins with', () => {
    const sorted = ['b', 'ab', 'abc', 'a', 'é', 'ac'].map(textToByteString).sort(compareNames)
    expect(sorted).toEqual(['abc', 'ab', 'ac', 'a', 'b', 'é'].map(textToByteString))
  })

  it('is an order: of two names one comes first, and the ways round agree', () => {
    const names = nameBytes.map((each) => byteString(each, 0, each.length))
    fc.assert(
      fc.property(names, names, names, (a, b, c) => {
        expect(compareNames(a, b) + compareNames(b, a)).toBe(0)
        expect(compareNames(a, b) === 0).toBe(a === b)
        if (compareNames(a, b) < 0 && compareNames(b, c) < 0) expect(compareNames(a, c)).toBe(-1)
      }),
      propertyParameters(1000),
    )
  })
})

describe('byte strings', () => {
  it('hold any bytes', () => {
    fc.assert(
      fc.property(bytes, fc.nat(8), (name, before) => {
        const padded = new Uint8Array(before + name.length + 3)
        padded.set(name, before)
        const text = byteString(padded, before, before + name.length)
        expect(text).toHaveLength(name.length)
        expect(byteStringToBytes(text)).toEqual(name)
      }),
      propertyParameters(),
    )
  })

  it('hold any text as UTF-8, and give it back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const name = textToByteString(text)
        expect(byteStringToBytes(name)).toEqual(new TextEncoder().encode(text))
        expect(byteStringToText(name)).toBe(text)
      }),
      propertyParameters(),
    )
  })

  it('show what is not UTF-8 as U+FFFD, and keep a byte order mark', () => {
    expect(byteStringToText('a\xff\xe9b')).toBe('a\ufffd\ufffdb')
    expect(byteStringToText(textToByteString('\ufeffx'))).toBe('\ufeffx')
    expect(textToByteString('\ud800')).toBe('\xef\xbf\xbd')
  })
})
