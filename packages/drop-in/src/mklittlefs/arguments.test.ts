import { describe, expect, it } from 'vitest'
import { parseArguments } from './arguments.js'
import { parseNumber } from './number.js'

describe('the arguments of mklittlefs', () => {
  it('takes options in any place, and numbers in three bases', () => {
    expect(parseArguments(['fs.img', '-s', '0x10000', '-b', '010000', '-c', 'www', '-a'])).toEqual({
      kind: 'run',
      arguments: {
        action: 'create',
        directory: 'www',
        image: 'fs.img',
        fromFile: '',
        allFiles: true,
        isBlockGiven: true,
        size: 65536,
        page: 256,
        read: 64,
        block: 4096,
        memory: 64,
        prefetch: 64,
        erase: 16,
        debug: 0,
      },
    })
  })

  it.each([
    // One argument with a blank in it is an option and its value.
    [['-c dir', '-s 65536', 'x'], { directory: 'dir', size: 65536, image: 'x' }],
    // An option that is none is the image.
    [['-l', '-z'], { action: 'list', image: '-z' }],
    // Behind `--` only the image is looked at.
    [['-l', '--', '-a', 'other'], { image: '-a', allFiles: false }],
    [['-l', 'x', '', '-'], { image: 'x' }],
    [['-s', '', '-l', 'x'], { size: 0 }],
  ])('%j', (argv, found) => {
    expect(parseArguments(argv)).toMatchObject({ kind: 'run', arguments: found })
  })

  it.each([
    [['-h'], { kind: 'help' }],
    // A letter of a switch, anywhere behind one dash.
    [['-xyh'], { kind: 'help' }],
    [['--version', '-s', 'x'], { kind: 'version' }],
    [['-s', 'x', '--version'], { kind: 'error', subject: '-s (--size)' }],
    [['-ll'], { kind: 'error', problem: 'Argument already set!', subject: '-l (--list)' }],
    [['-l', '-l'], { kind: 'error', problem: 'Argument already set!', subject: '-l (--list)' }],
    [['-c', 'd', '-l'], { problem: 'Mutually exclusive argument already set!' }],
    [['-la', '-c', 'd'], { problem: 'Mutually exclusive argument already set!' }],
    [['-l', 'x', 'y'], { problem: "Couldn't find match for argument", subject: 'y' }],
    [['-l'], { problem: 'Required arguments missing: unpack, create, image_file' }],
    [['-la', 'x'], { problem: 'Required arguments missing: unpack, create' }],
  ])('%j ends it', (argv, found) => {
    expect(parseArguments(argv)).toMatchObject(found)
  })
})

describe('a number', () => {
  it.each([
    ['65536', 65536],
    ['0x1F', 31],
    ['017', 15],
    ['0', 0],
    [' +5', 5],
    ['-1', -1],
    ['-0', 0],
    ['2147483647', 2147483647],
    ['', undefined],
  ])('%j is %d', (text, value) => {
    expect(parseNumber(text)).toBe(value)
  })

  it.each(['1M', '1e6', '0x', 'abc', '5 ', '2147483648', '12x', '-'])('%j is none', (text) => {
    expect(parseNumber(text)).toEqual({
      problem: `Couldn't read argument value from string '${text}'`,
    })
  })

  it.each(['1 2', '08'])('%j is two', (text) => {
    expect(parseNumber(text)).toEqual({
      problem: `More than one valid value parsed from string '${text}'`,
    })
  })
})
