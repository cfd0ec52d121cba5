/**
 * Profiles by name: those of the library, and the user's own, which stand in `caravan.toml` of the
 * working directory, or in the file that `--config` names.
 */

import { readFileSync } from 'node:fs'
import { DEVICE_PROFILES, type DeviceProfile, type TimeDialect } from '@caravan/littlefs'
import { Option } from 'commander'
import { parse, TomlError } from 'smol-toml'
import { isErrno, UsageError } from './errors.js'
import { parseCount, parseSize } from './sizes.js'

export interface ProfileOptions {
  readonly profile?: string
  readonly config?: string
}

const CONFIG_NAME = 'caravan.toml'

export const PROFILE_OPTION: Option = new Option(
  '--profile <device>',
  'the device that will use it: esp-idf, arduino-esp32, esp8266, arduino-pico, micropython, zephyr... (docs/profiles.md)',
)

export const CONFIG_OPTION: Option = new Option(
  '--config <file>',
  `where profiles of your own are (default: ${CONFIG_NAME}, where that is)`,
)

/**
 * The profile that the options name; `undefined` where they name none.
 *
 * @throws UsageError for a name that is not known, a file that cannot be read or is wrong.
 */
export function profileOf({ profile: name, config }: ProfileOptions): DeviceProfile | undefined {
  if (name === undefined) {
    if (config === undefined) return undefined
    throw new UsageError('--config is where profiles are. Say with --profile which one to take.')
  }
  const profiles = profilesFor(config)
  const found = profiles.find((each) => each.name === name)
  if (found !== undefined) return found
  const names = profiles.map((each) => each.name).join(', ')
  throw new UsageError(
    `There is no profile '${name}'. The profiles are: ${names}. Your own go into ${CONFIG_NAME} (docs/profiles.md).`,
  )
}

/** The names of all profiles that there are. @throws UsageError as {@link profileOf}. */
export function profileNames({ config }: ProfileOptions): string[] {
  return profilesFor(config).map(({ name }) => name)
}

function profilesFor(config: string | undefined): DeviceProfile[] {
  const path = config ?? CONFIG_NAME
  const text = readConfig(path, config !== undefined)
  return [...DEVICE_PROFILES, ...(text === undefined ? [] : profilesIn(text, path))]
}

function readConfig(path: string, mustExist: boolean): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (!isErrno(error)) throw error
    if (!mustExist && error.code === 'ENOENT') return undefined
    throw new UsageError(`${path} cannot be read (${error.code}). Check the path.`)
  }
}

type Table = Readonly<Record<string, unknown>>

/** @throws UsageError. */
function profilesIn(text: string, path: string): DeviceProfile[] {
  let config: Table
  try {
    config = parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    throw new UsageError(`${path}, line ${error.line}: ${error.message.split('\n')[0]}.`)
  }
  const tables = config.profiles ?? {}
  if (!isTable(tables))
    throw new UsageError(`${path}: profiles is no table. Write [profiles.NAME].`)
  const own: DeviceProfile[] = []
  for (const [name, table] of Object.entries(tables)) {
    const where = `${path}, [profiles.${name}]`
    if (!isTable(table)) throw new UsageError(`${where} is no table. Write its values below it.`)
    if (DEVICE_PROFILES.some((each) => each.name === name)) {
      throw new UsageError(`${where}: there is a profile of that name. Give yours another.`)
    }
    own.push(profileFrom(name, table, own, where))
  }
  return own
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What a profile of nothing but a name is: what the C library has where nothing is said. */
const PLAIN: Omit<DeviceProfile, 'name' | 'title'> = {
  blockSize: 4096,
  blockSizes: 'any',
  readSize: 1,
  progSize: 1,
  cacheSize: 64,
  blockCycles: 500,
  nameMax: 255,
  fileMax: 2147483647,
  attrMax: 1022,
  diskVersion: '2.1',
  times: 'none',
  creationBytes: 0,
  eraseValue: 0xff,
}

const TIMES: readonly (TimeDialect | 'none')[] = ['t4', 't8', 't12', 'ns', 'nuttx', 'none']
const VERSIONS: readonly DeviceProfile['diskVersion'][] = ['2.0', '2.1', '1']

/** Each key of a profile in the file: what it sets. */
const KEYS: Readonly<Record<string, (value: unknown) => Partial<DeviceProfile>>> = {
  title: (value) => ({ title: text(value) }),
  'block-size': (value) => ({ blockSize: size(value), blockSizes: [size(value)] }),
  'read-size': (value) => ({ readSize: size(value) }),
  'prog-size': (value) => ({ progSize: size(value) }),
  'cache-size': (value) => ({ cacheSize: size(value) }),
  'block-cycles': (value) => ({ blockCycles: value === -1 ? -1 : count(value) }),
  'name-max': (value) => ({ nameMax: size(value), driverNameMax: size(value) }),
  'driver-name-max': (value) => ({ driverNameMax: size(value) }),
  'file-max': (value) => ({ fileMax: size(value) }),
  'attr-max': (value) => ({ attrMax: size(value) }),
  'disk-version': (value) => ({ diskVersion: oneOf(VERSIONS, value) }),
  times: (value) => ({ times: oneOf(TIMES, value) }),
  'creation-bytes': (value) => ({ creationBytes: oneOf([0, 4, 8] as const, value) }),
  'erase-value': (value) => ({ eraseValue: oneOf([0xff, 0x00] as const, value) }),
}

function profileFrom(
  name: string,
  { like, ...values }: Table,
  before: readonly DeviceProfile[],
  where: string,
): DeviceProfile {
  let profile: DeviceProfile = { ...baseOf(like, before, where), name, title: name }
  // In the order of the keys here: the file's own has no say in what wins.
  const names = Object.keys(KEYS)
  for (const key of Object.keys(values)) {
    if (names.includes(key)) continue
    throw new UsageError(`${where}: '${key}' is unknown. The keys are: like, ${names.join(', ')}.`)
  }
  for (const [key, read] of Object.entries(KEYS)) {
    if (values[key] === undefined) continue
    try {
      const { small: _, ...rest } = profile
      profile = { ...(key === 'block-size' ? rest : profile), ...read(values[key]) }
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      throw new UsageError(`${where}: ${key}: ${error.message}`)
    }
  }
  return profile
}

function baseOf(like: unknown, before: readonly DeviceProfile[], where: string) {
  if (like === undefined) return PLAIN
  const known = [...DEVICE_PROFILES, ...before]
  const base = known.find((each) => each.name === like)
  if (base !== undefined) return base
  const names = known.map((each) => each.name).join(', ')
  throw new UsageError(
    `${where}: like: there is no profile '${like}' before it. There are: ${names}.`,
  )
}

function text(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new UsageError('Write text.')
}

/** Bytes: a number, or text like `4K`. */
function size(value: unknown): number {
  const bytes = typeof value === 'string' ? parseSize(value) : count(value)
  if (bytes > 0) return bytes
  throw new UsageError('Write a size of at least 1 byte.')
}

function count(value: unknown): number {
  return parseCount(String(value))
}

function oneOf<T extends string | number>(values: readonly T[], value: unknown): T {
  const found = values.find((each) => each === value)
  if (found !== undefined) return found
  const words = values.map((each) => (typeof each === 'string' ? `"${each}"` : String(each)))
  throw new UsageError(`Write one of ${words.join(', ')}.`)
}
