import { MemoryDevice } from '@caravan/device'
import { describe, expect, test } from 'vitest'
import { ModelTree } from './model-tree.js'
import { runSlice, type SliceFace, type SliceSubject } from './slice.js'

const OPTIONS = { seed: 1, steps: 300, cutOneIn: 6 }
const device = () => new MemoryDevice({ blockSize: 512, blockCount: 8 })

class Refusal extends Error {
  readonly errno = -1
  constructor(readonly code: string) {
    super(code)
  }
}

/** A subject that is the model itself, and writes once with each change; or has a fault. */
function subjectWith(fault: (model: ModelTree, change: string) => void = () => {}): SliceSubject {
  let model = new ModelTree()
  return {
    format: () => {
      model = new ModelTree()
    },
    mount: (device) => {
      const change = (asked: Parameters<ModelTree['expect']>[0]) => {
        const { codes, tree } = model.expect(asked)
        if (codes[0] !== undefined) throw new Refusal(codes[0])
        device.prog([{ block: 0, offset: 0, bytes: new Uint8Array(1) }])
        model.tree = tree
        fault(model, asked.do)
      }
      // Contents are drawn by the slice; here they are told apart by what is written.
      const set = (path: string, bytes: Uint8Array, kind: 'write' | 'append') => {
        const old =
          kind === 'append' ? (model.tree.get(path) ?? new Uint8Array(0)) : new Uint8Array(0)
        change({ do: kind, path, seed: 0, size: 0 })
        if (model.tree.has(path)) model.tree.set(path, Uint8Array.of(...old, ...bytes))
        fault(model, kind)
      }
      let open = ''
      const face: SliceFace = {
        readdirSync: (directory) => {
          const prefix = directory === '/' ? '/' : `${directory}/`
          return [...model.tree.keys()]
            .filter((path) => path.startsWith(prefix))
            .map((path) => path.slice(prefix.length))
            .filter((name) => !name.includes('/'))
        },
        statSync: (path) => ({ isDirectory: () => model.tree.get(path) === undefined }),
        readFileSync: (path) => model.tree.get(path) ?? new Uint8Array(0),
        writeFileSync: (path, data) => set(path, data, 'write'),
        appendFileSync: (path, data) => set(path, data, 'append'),
        truncateSync: (path, size) => change({ do: 'truncate', path, size }),
        mkdirSync: (path) => change({ do: 'mkdir', path }),
        rmSync: (path) => change({ do: 'rm', path }),
        renameSync: (path, to) => change({ do: 'rename', path, to }),
        openSync: (path) => {
          change({ do: 'patch', path, seed: 0, size: 0, position: 0 })
          open = path
          return 3
        },
        writeSync: (_, data, offset, length, position) => {
          const old = model.tree.get(open) ?? new Uint8Array(0)
          const whole = new Uint8Array(Math.max(old.length, position + length))
          whole.set(old)
          whole.set(data.subarray(offset, offset + length), position)
          model.tree.set(open, whole)
          return length
        },
        closeSync: () => {},
      }
      return face
    },
  }
}

test('nothing differs for a subject that is right', () => {
  for (let seed = 0; seed < 20; seed++) {
    expect(runSlice(subjectWith(), device(), { ...OPTIONS, seed })).toBeUndefined()
  }
})

describe('a fault is told', () => {
  test.each<[string, (model: ModelTree, change: string) => void, RegExp]>([
    [
      'a directory that is not made',
      ({ tree }, change) => {
        if (change === 'mkdir') tree.delete([...tree.keys()].pop() ?? '')
      },
      /is missing/,
    ],
    [
      'a byte that is wrong',
      ({ tree }, change) => {
        const file = [...tree.values()].find((bytes) => bytes !== undefined && bytes.length > 40)
        if (change === 'append' && file !== undefined) file[20] = (file[20] ?? 0) ^ 1
      },
      /has byte \d+ at 20/,
    ],
    [
      'a file too many',
      ({ tree }, change) => {
        if (change === 'rename') tree.set('/ghost', new Uint8Array(1))
      },
      /ghost should not be there/,
    ],
    [
      'a wrong error',
      (_, change) => {
        if (change === 'truncate') throw new Refusal('EPERM')
      },
      /EPERM instead of success/,
    ],
  ])('%s', (_, fault, words) => {
    const found = runSlice(subjectWith(fault), device(), { ...OPTIONS, cutOneIn: 0 })
    expect(found).toMatch(words)
    expect(found).toMatch(/^seed 1, step \d+/)
  })

  test('a cut that leaves half of a change', () => {
    const subject = subjectWith()
    const { mount } = subject
    const faulty: SliceSubject = {
      ...subject,
      mount: (device) => {
        const face = mount(device)
        return {
          ...face,
          writeFileSync: (path, data) => {
            face.writeFileSync(path, data.subarray(0, data.length >> 1))
            face.writeFileSync(path, data)
          },
        }
      },
    }
    const found = Array.from({ length: 20 }, (_, seed) => {
      return runSlice(faulty, device(), { seed, steps: 300, cutOneIn: 2 })
    }).filter((each) => each !== undefined)
    expect(found.join('\n')).toMatch(/, cut: neither before \(.*\) nor after \(/)
  })
})
