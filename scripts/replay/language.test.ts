import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { decodePercent, parseOperation } from './language.js'
import { lastName } from './perform.js'
import { readRecordings } from './recording.js'

const GOLDEN = fileURLToPath(new URL('../../golden/littlefs', import.meta.url))

describe('parseOperation', () => {
  it.each([
    ['format', { kind: 'format' }],
    ['grow 128', { kind: 'grow', blockCount: 128 }],
    ['mkdir a%20b', { kind: 'mkdir', path: 'a b' }],
    ['rename /a b/', { kind: 'rename', path: '/a', to: 'b/' }],
    ['write f 5 1', { kind: 'write', path: 'f', size: 5, seed: 1 }],
    ['writeat f 9 5 1', { kind: 'writeat', path: 'f', offset: 9, size: 5, seed: 1 }],
    ['writehex f 00ff', { kind: 'writehex', path: 'f', bytes: new Uint8Array([0, 255]) }],
    ['setattr / 0x74 -', { kind: 'setattr', path: '/', type: 0x74, bytes: new Uint8Array(0) }],
    ['getattr f 255', { kind: 'getattr', path: 'f', type: 255 }],
    ['open 31 f rwcta', { kind: 'open', handle: 31, path: 'f', flags: 'rwcta' }],
    ['hseek 0 -3 2', { kind: 'hseek', handle: 0, offset: -3, whence: 'end' }],
    ['hclose 4', { kind: 'hclose', handle: 4 }],
  ])('reads %s', (line, operation) => {
    expect(parseOperation(line)).toEqual(operation)
  })

  it.each(['', 'fly', 'mkdir', 'mkdir a b', 'write f 5 x', 'writehex f 0', 'hseek 0 0 3', 'grow '])(
    'refuses %j',
    (line) => expect(() => parseOperation(line)).toThrow(SyntaxError),
  )

  it('reads every operation of the recordings', () => {
    const runs = readRecordings(`${GOLDEN}/recordings.jsonl.gz`)
    expect(runs).toHaveLength(300)
    for (const { steps } of [...runs, ...readRecordings(`${GOLDEN}/semantics.json`)]) {
      for (const { op } of steps) parseOperation(op)
    }
  })
})

describe('decodePercent', () => {
  it('joins bytes to UTF-8 and leaves what is no escape', () => {
    expect(decodePercent('%e6%97%a5x%C3%9c')).toBe('日xÜ')
    expect(decodePercent('été/50%')).toBe('été/50%')
    expect(decodePercent('%zz%2')).toBe('%zz%2')
  })
})

describe('lastName', () => {
  it.each([
    ['f/..', '/'],
    ['d/e/../e', 'e'],
    ['//d///e//', 'e'],
    ['/.', '/'],
    ['nodir/../d', 'd'],
  ])('%s ends in %s', (path, name) => expect(lastName(path)).toBe(name))
})
