/** --profile: images for a device, and what a device would make of an image. */

import { existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readLittlefsTree } from '@caravan/testkit'
import { describe, expect, test } from 'vitest'
import { caravan, freshPath, goldenImage } from './harness.js'
import { attributesOf, hostTree, soundTree } from './images.js'

const TIME = 1_700_000_000

function tree(): string {
  const dir = hostTree({ 'www/index.html': 'x'.repeat(600), 'settings.json': '{}' })
  for (const name of ['www/index.html', 'settings.json', 'www']) {
    utimesSync(join(dir, name), TIME, TIME)
  }
  return dir
}

async function factsOf(image: string, ...options: string[]) {
  const { out, code, err } = await caravan(['info', '--json', ...options, image])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return JSON.parse(out)
}

function attributesIn(image: string, path: string): Record<number, string> {
  const node = readLittlefsTree(readFileSync(image), { blockSize: blockSizeOf(image) }).get(path)
  const entries = [...(node?.attributes ?? [])]
  return Object.fromEntries(
    entries.map(([type, value]) => [type, Buffer.from(value).toString('hex')]),
  )
}

/** As its superblock has it: littlefs SPEC.md. */
function blockSizeOf(image: string): number {
  const bytes = readFileSync(image)
  return bytes.readUInt32LE(bytes.indexOf('littlefs') + 16)
}

async function made(...options: string[]): Promise<string> {
  const image = freshPath()
  const { code, err } = await caravan(['create', ...options, tree(), image])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return image
}

describe('create --profile', () => {
  test.each([
    ['esp-idf', '1M', { blockSize: 4096, blockCount: 256, diskVersion: '2.1', nameMax: 64 }],
    ['esp8266', '1M', { blockSize: 8192, blockCount: 128, diskVersion: '2.0', nameMax: 32 }],
    ['esp8266', '256K', { blockSize: 4096, blockCount: 64, diskVersion: '2.0', nameMax: 32 }],
    ['micropython-1.21', '64K', { blockSize: 4096, diskVersion: '2.0', nameMax: 255 }],
  ])('%s, %s', async (profile, size, facts) => {
    const image = await made('--profile', profile, '--size', size)
    expect(await factsOf(image, '--profile', profile)).toMatchObject({
      ...facts,
      device: { profile, mounts: true, findings: [] },
    })
    expect(Object.keys(soundTree(image, { blockSize: facts.blockSize }))).toHaveLength(3)
  })

  test.each([
    ['esp-idf', { 116: '00f1536500000000' }],
    ['arduino-esp32-2', { 116: '00f15365' }],
    ['arduino-pico', { 99: '00f1536500000000', 116: '00f1536500000000' }],
    ['micropython', { 1: '00002a36fe9c9717' }],
  ])('%s: times as it keeps them', async (profile, attributes) => {
    const image = await made('--profile', profile, '--size', '128K', '--mtime', 'file')
    expect(attributesOf(image, '/www/index.html')).toEqual(attributes)
    const { out } = await caravan(['ls', '-l', image, '/www'])
    expect(out).toContain('2023-11-14 22:13')
  })

  test.each([
    ['esp-idf', 1_700_000_000_000],
    ['esp8266', 1_700_000_000_000],
    ['arduino-esp32-2', 1_700_000_000_000],
    ['micropython', 1_700_000_000_250],
    ['nuttx', 1_700_000_000_250],
  ])('%s: times come back with extract, those of directories too', async (profile, ms) => {
    const dir = tree()
    const exact = 1_700_000_000.25
    for (const name of ['www/index.html', 'www']) utimesSync(join(dir, name), exact, exact)
    const image = freshPath()
    const args = ['--profile', profile, '--size', '128K', '--mtime', 'file', dir, image]
    expect((await caravan(['create', ...args])).err).toBe('')
    const out = freshPath()
    expect((await caravan(['extract', image, out])).code).toBe(0)
    expect(statSync(join(out, 'www/index.html')).mtimeMs).toBe(ms)
    expect(statSync(join(out, 'www')).mtimeMs).toBe(ms)

    // What comes later is written in the dialect that the image has.
    const types = Object.keys(attributesIn(image, '/settings.json'))
    const later = 1_800_000_000
    expect((await caravan(['touch', '--mtime', `${later}`, image, '/settings.json'])).code).toBe(0)
    const put = ['put', '--mtime', `${later}`, image, join(dir, 'settings.json'), '/new']
    expect((await caravan(put)).code).toBe(0)
    for (const path of ['/settings.json', '/new']) {
      expect(Object.keys(attributesIn(image, path))).toEqual(types)
      const { out: stat } = await caravan(['stat', image, path])
      expect(stat).toContain('2027-01-15 08:00:00')
    }
  })

  test.each([
    [['--profile', 'esp8266', '--disk-version', '2.1'], /--disk-version 2.1: .* at most 2.0/],
    [['--profile', 'esp8266', '--name-max', '64'], /--name-max 64: .* at most 32/],
    [['--profile', 'esp-idf', '--name-max', '256'], /--name-max 256: .* at most 255/],
    [['--profile', 'esp-idf', '--block-size', '512'], /ESP-IDF .* mounts blocks of 4096 bytes/],
    [['--profile', 'zephyr', '--prog-size', '100'], /no multiple of --prog-size 100/],
    [['--profile', 'zephyr', '--mtime', 'file'], /Zephyr .* keeps no times. Leave out --mtime/],
    [['--profile', 'adafruit-nrf52'], /Adafruit nRF52 .* takes littlefs 1/],
    [['--profile', 'esp99'], /no profile 'esp99'. The profiles are: esp-idf, .*nuttx\./],
    [['--config', 'x.toml'], /Say with --profile/],
    [['--format', 'notafs', '--profile', 'esp-idf'], /--profile is for littlefs/],
  ])('%j is refused, and no file is left', async (options, words) => {
    const image = freshPath()
    const { code, err } = await caravan(['create', ...options, '--size', '1M', tree(), image])
    expect(err.replaceAll('\n', ' ')).toMatch(words)
    expect(code).toBe(2)
    expect(existsSync(image)).toBe(false)
  })

  test('a name that the device would not take is told, with its path', async () => {
    const name = 'n'.repeat(33)
    const image = freshPath()
    const dir = hostTree({ [name]: 'x' })
    const { code, err } = await caravan([
      'create',
      '--profile',
      'esp8266',
      '--size',
      '1M',
      dir,
      image,
    ])
    expect(code).toBe(1)
    expect(err).toContain(`${name}: `)
    expect(err).toContain('has 33 bytes, and 32 fit')
    expect(existsSync(image)).toBe(false)
  })

  test('format takes it too', async () => {
    const image = freshPath()
    const { out, code } = await caravan([
      'format',
      '--profile',
      'arduino-esp32-2',
      '--size',
      '1M',
      image,
    ])
    expect(code).toBe(0)
    expect(out).toContain('littlefs 2.0 for Arduino ESP32, core 2')
    expect(await factsOf(image)).toMatchObject({ diskVersion: '2.0', nameMax: 255 })
  })
})

describe('what a device would make of an image', () => {
  test.each([
    ['field-esp8266', 'esp8266', 0, []],
    ['field-esp-idf-2.1', 'esp-idf', 0, []],
    ['field-esp-idf-2.1', 'arduino-esp32-2', 1, ['DEVICE_REFUSES_VERSION']],
    ['field-esp-idf-2.1', 'esp8266', 1, ['DEVICE_REFUSES_VERSION', 'DEVICE_REFUSES_LIMIT']],
    ['field-esp8266', 'esp-idf', 1, ['DEVICE_REFUSES_BLOCK_SIZE', 'DEVICE_RAISES_VERSION']],
    ['field-esp-idf-2.0', 'esp-idf', 1, ['DEVICE_RAISES_VERSION']],
    ['field-zephyr', 'adafruit-nrf52', 1, ['DEVICE_REFUSES_VERSION', 'DEVICE_REFUSES_BLOCK_SIZE']],
  ])('%s in %s', async (name, profile, code, codes) => {
    const image = goldenImage(name)
    const checked = await caravan(['check', '--json', '--profile', profile, image])
    const { findings } = JSON.parse(checked.out) as { findings: { code: string }[] }
    expect(findings.map((each) => each.code)).toEqual(codes)
    expect(checked.code).toBe(code)
    const mounts = codes.every((each) => !each.startsWith('DEVICE_REFUSES'))
    const inWords = await caravan(['check', '--profile', profile, image])
    expect(inWords.out).toMatch(mounts ? /^sound: /m : /^sound, but not for that device: /m)
    expect((await factsOf(image, '--profile', profile)).device.mounts).toBe(mounts)
    const { out } = await caravan(['info', '--profile', profile, image])
    expect(out).toMatch(mounts ? / mounts it/ : / does not mount it\. The /)
  })

  test('an image that nothing mounts is not judged further', async () => {
    const image = goldenImage('field-zephyr')
    writeFileSync(image, new Uint8Array(8192).fill(0x5a))
    const args = ['check', '--format', 'littlefs', '--profile', 'esp-idf', '--json', image]
    const { out, code } = await caravan(args)
    const { findings } = JSON.parse(out) as { findings: { code: string }[] }
    expect(findings.map((each) => each.code)).toEqual(['SUPERBLOCK_MISSING'])
    expect(code).toBe(1)
  })
})

describe('profiles of one’s own', () => {
  function configFile(text: string): string {
    const dir = freshPath()
    mkdirSync(dir)
    const path = join(dir, 'caravan.toml')
    writeFileSync(path, text)
    return path
  }

  test('stand in a file, and take over what they do not say', async () => {
    const config = configFile(`
[profiles.logger]
like = "esp-idf"
title = "the logger, revision C"
block-size = "64K"
name-max = 40
disk-version = "2.0"
times = "ns"

[profiles.logger-d]
like = "logger"
name-max = 41
`)
    const options = ['--config', config, '--profile', 'logger-d', '--size', '1M']
    const image = await made(...options, '--mtime', `${TIME}`)
    expect(await factsOf(image, '--config', config, '--profile', 'logger-d')).toMatchObject({
      ...{ blockSize: 65536, nameMax: 41, diskVersion: '2.0' },
      device: { profile: 'logger-d', mounts: true },
    })
    const listed = await caravan(['stat', '--json', image, '/settings.json'])
    expect(listed.out).toContain('00002a36fe9c9717')
    const { out } = await caravan(['info', '--config', config, '--profile', 'logger', image])
    expect(out).toContain('logger, revision C does not mount it. The superblock allows names of 41')
  })

  test.each([
    ['[profiles.a]\nblok-size = 1', /\[profiles.a\]: 'blok-size' is unknown. The keys are: like,/],
    ['[profiles.a]\nblock-size = "4Q"', /block-size: '4Q' is no size/],
    ['[profiles.a]\ndisk-version = "2.2"', /disk-version: Write one of "2.0", "2.1", "1"/],
    ['[profiles.a]\nlike = "b"', /like: there is no profile 'b' before it/],
    ['[profiles.esp-idf]\nname-max = 3', /there is a profile of that name/],
    ['profiles = 1', /profiles is no table/],
    ['[profiles.a\n', /caravan.toml, line 1: /],
  ])('%j is refused', async (text, words) => {
    const config = configFile(text)
    const args = [
      'create',
      '--config',
      config,
      '--profile',
      'a',
      '--size',
      '1M',
      tree(),
      freshPath(),
    ]
    const { code, err } = await caravan(args)
    expect(err.replaceAll('\n', ' ')).toMatch(words)
    expect(code).toBe(2)
  })

  test('a file that is not there is told', async () => {
    const args = [
      'info',
      '--config',
      '/nowhere.toml',
      '--profile',
      'a',
      goldenImage('field-zephyr'),
    ]
    const { code, err } = await caravan(args)
    expect(err).toContain('/nowhere.toml cannot be read (ENOENT)')
    expect(code).toBe(2)
  })
})

describe('in place', () => {
  const SMALL = 'x'.repeat(300)

  async function changed(image: string, ...options: string[]) {
    const [verb = '', ...rest] = options
    const { code, err } = await caravan([verb, ...rest])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    return image
  }

  async function isInline(image: string, path: string): Promise<boolean> {
    const { out } = await caravan(['map', '--json', image])
    return !JSON.parse(out).used.some(
      (block: { kind: string; path?: string }) => block.kind === 'data' && block.path === path,
    )
  }

  /** Where the commits of its root end. */
  async function commitEnds(image: string): Promise<number[]> {
    const { out } = await caravan(['dump', '--json', image, '0', '1'])
    return JSON.parse(out).flatMap(({ commits }: { commits: { end: number }[] }) =>
      commits.map(({ end }) => end),
    )
  }

  test.each([
    ['esp-idf', true, 128],
    ['micropython', false, 32],
    ['zephyr', false, 16],
  ])(
    '%s: files are kept as its cache has room, commits end where it programs',
    async (profile, kept, unit) => {
      const image = await made('--profile', profile, '--size', '128K')
      const file = join(hostTree({ small: SMALL }), 'small')
      await changed(image, 'put', '--profile', profile, image, file, '/small')
      expect(await isInline(image, '/small')).toBe(kept)
      const ends = await commitEnds(image)
      expect(ends.length).toBeGreaterThan(1)
      for (const end of ends) expect(end % unit).toBe(0)
      soundTree(image, { blockSize: 4096 })
    },
  )

  test('options go before the profile', async () => {
    const image = await made('--profile', 'esp-idf', '--size', '128K')
    const file = join(hostTree({ small: SMALL }), 'small')
    await changed(image, 'put', '--profile', 'esp-idf', '--cache-size', '256', image, file, '/')
    expect(await isInline(image, '/small')).toBe(false)
  })

  test.each([
    ['esp-idf', { 116: '00f1536500000000' }],
    ['esp-idf-2.0', { 116: '00f15365' }],
    ['micropython', { 1: '00002a36fe9c9717' }],
  ])('%s: times where it looks for them', async (profile, attributes) => {
    const image = await made('--profile', profile, '--size', '128K')
    const file = join(hostTree({ small: SMALL }), 'small')
    const put = ['put', '--profile', profile, '--mtime', String(TIME)]
    await changed(image, ...put, image, file, '/put')
    await changed(image, 'touch', '--profile', profile, '--mtime', String(TIME), image, '/touched')
    expect(attributesOf(image, '/put')).toEqual(attributes)
    expect(attributesOf(image, '/touched')).toEqual(attributes)
  })

  test.each([
    [
      ['put', '--profile', 'zephyr', '--mtime', '5', 'IMAGE', 'FILE', '/small'],
      'Zephyr 3.6 and later keeps no times. Leave out --mtime.',
    ],
    [
      ['put', '--profile', 'esp8266', 'IMAGE', 'FILE', '/small'],
      'Arduino ESP8266 does not mount this image. The disk version is 2.1, and Arduino ESP8266 mounts up to 2.0.',
    ],
    [['mkdir', '--profile', 'adafruit-nrf52', 'IMAGE', '/d'], 'mounts littlefs 1'],
    [['kv', 'set', '--profile', 'esp8266', 'IMAGE', '/k', 'v'], 'does not mount this image'],
    [['rm', '--config', 'own.toml', 'IMAGE', '/settings.json'], 'Say with --profile which one'],
    [['upgrade', '--profile', 'adafruit-nrf52', 'IMAGE'], 'mounts littlefs 1, and would refuse'],
    [
      ['upgrade', '--profile', 'esp8266', '--disk-version', '2.1', 'IMAGE'],
      'Arduino ESP8266 mounts at most 2.0, and would refuse the image.',
    ],
    [['upgrade', 'IMAGE'], 'Which version? Give --disk-version 2.0 or 2.1, or --profile.'],
  ])('%j is refused, and nothing is changed', async (argv, sentence) => {
    const image = await made('--profile', 'zephyr', '--size', '128K')
    const before = readFileSync(image)
    const file = join(hostTree({ small: SMALL }), 'small')
    const names = new Map([
      ['IMAGE', image],
      ['FILE', file],
    ])
    const { code, err } = await caravan(argv.map((each) => names.get(each) ?? each))
    expect(code).toBe(2)
    expect(err).toContain(sentence)
    expect(readFileSync(image).equals(before)).toBe(true)
  })

  test('upgrade to what the device mounts', async () => {
    const image = await made('--profile', 'esp-idf', '--size', '128K', '--name-max', '32')
    const refused = await factsOf(image, '--profile', 'arduino-esp32-2')
    expect(refused.device.mounts).toBe(false)
    await changed(image, 'upgrade', '--profile', 'arduino-esp32-2', image)
    const facts = await factsOf(image, '--profile', 'arduino-esp32-2')
    expect(facts).toMatchObject({ diskVersion: '2.0', device: { mounts: true } })
    await changed(image, 'rm', '--profile', 'arduino-esp32-2', image, '/settings.json')
  })

  test('an image of another format has no profile', async () => {
    const image = freshPath()
    await caravan(['format', '--format', 'notafs', '--size', '512K', image])
    const { code, err } = await caravan(['mkdir', '--profile', 'esp-idf', image, '/d'])
    expect(code).toBe(2)
    expect(err).toContain('--profile is for littlefs, and this is notafs. Leave it out.')
  })

  test('cp into another image for its device', async () => {
    const from = await made('--size', '128K')
    const to = await made('--profile', 'esp-idf', '--size', '128K')
    const file = join(hostTree({ small: SMALL }), 'small')
    await changed(from, 'put', from, file, '/small')
    await changed(to, 'cp', '--profile', 'esp-idf', '--to', to, from, '/small', '/small')
    expect(await isInline(from, '/small')).toBe(false)
    expect(await isInline(to, '/small')).toBe(true)
  })
})
