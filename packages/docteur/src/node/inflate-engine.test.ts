import { deflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { ENGINE_MAX_BYTES, InflateEngine } from './inflate-engine.js'

test('this Node has it, and one call leaves nothing behind for the next', () => {
  const engine = InflateEngine.make() as InflateEngine
  expect(engine).toBeInstanceOf(InflateEngine)
  const bytes = Buffer.from('some text, and some more text. '.repeat(50))
  const stream = deflateSync(bytes)
  const damaged = stream.map((byte, i) => (i === stream.length - 1 ? byte ^ 1 : byte))
  const check = () => {
    const found = engine.inflate(stream, bytes.length)
    expect(found?.inputBytes).toBe(stream.length)
    expect(Buffer.compare(found?.bytes as Uint8Array, bytes)).toBe(0)
  }
  for (const spoil of [
    () => engine.inflate(stream.subarray(0, 20), bytes.length),
    () => engine.inflate(damaged, bytes.length),
    () => engine.inflate(stream, bytes.length - 1),
    () => engine.inflate(stream, bytes.length + 1),
    () => engine.inflate(Buffer.from('no stream at all'), 5),
    () => engine.inflate(new Uint8Array(0), 0),
  ]) {
    expect(spoil()).toBeUndefined()
    check()
  }
})

test('a Node.js on which nobody has tried it has none', () => {
  expect(InflateEngine.make('27.0.0')).toBeUndefined()
  expect(InflateEngine.make('')).toBeUndefined()
})

test('nothing, and as much as there is room for', () => {
  const engine = InflateEngine.make()
  for (const size of [0, 1, ENGINE_MAX_BYTES - 1, ENGINE_MAX_BYTES]) {
    const bytes = Buffer.alloc(size, 7)
    const first = engine?.inflate(deflateSync(bytes), size)?.bytes as Uint8Array
    engine?.inflate(deflateSync(Buffer.alloc(size, 8)), size)
    // What was given out is the caller's own.
    expect(Buffer.compare(first, bytes)).toBe(0)
    expect(first.buffer.byteLength).toBe(size)
  }
})
