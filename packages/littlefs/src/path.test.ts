import { propertyParameters } from '@caravan/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePath } from './path.js'

const parsed = (path: string | Uint8Array) => {
  const { names, mustBeDirectory, mustExist } = parsePath(path, 'stat')
  return `${names.join(' ')}${mustBeDirectory ? ' (directory)' : ''}${mustExist ? ' (exists)' : ''}`
}

describe('parsePath', () => {
  // As the reference answers in golden/littlefs/semantics.json.
  it.each([
    ['d', 'd'],
    ['/d', 'd'],
    ['//d///e', 'd e'],
    ['d/', 'd (directory)'],
    ['//d///e//', 'd e (directory)'],
    ['d/./g', 'd g'],
    ['d/../h', 'h'],
    ['nodir/../d', 'd'],
    ['d/.', 'd (directory) (exists)'],
    ['d/e/..', 'd (directory) (exists)'],
    ['d/e/../e', 'd e'],
    ['f/..', ''],
    ['', ''],
    ['/', ''],
    ['.', ''],
    ['/.', ''],
    ['...', '...'],
    ['.hidden/..b', '.hidden ..b'],
    ['a b/\u00e9', 'a b \xc3\xa9'],
  ])('%j names %j', (path, expected) => {
    expect(parsed(path)).toBe(expected)
    expect(parsed(new TextEncoder().encode(path))).toBe(expected)
  })

  it.each(['..', '/..', '../x', '/../x', 'd/../..', './..'])('%j leads above the root', (path) => {
    expect(() => parsePath(path, 'mkdir')).toThrow(
      expect.objectContaining({ name: 'FsError', code: 'EINVAL', syscall: 'mkdir', path }),
    )
  })

  it('takes any bytes but a slash as part of a name', () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 20 })
      .filter(
        (bytes) => !bytes.includes(0x2f) && !/^\.\.?$/.test(Buffer.from(bytes).toString('latin1')),
      )
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 5 }), (names) => {
        const path = Buffer.concat(names.flatMap((each) => [Uint8Array.of(0x2f), each]))
        const expected = names.map((each) => Buffer.from(each).toString('latin1'))
        expect(parsePath(new Uint8Array(path), 'stat').names).toEqual(expected)
      }),
      propertyParameters(),
    )
  })
})
