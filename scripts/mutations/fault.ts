/** Which errors damaged bytes may give. */

import {
  AssertionError,
  CaravanError,
  DeviceError,
  FormatError,
  FsError,
  MisuseError,
} from '@caravan/core'

/** What is wrong with an error: nothing where it is typed, and not our own fault. */
export function faultOf(what: string, error: unknown): string | undefined {
  if (error instanceof FormatError || error instanceof FsError || error instanceof DeviceError) {
    return undefined
  }
  const whose =
    error instanceof AssertionError || error instanceof MisuseError || error instanceof CaravanError
      ? error.name
      : 'an untyped error'
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `${what}: ${whose}: ${stack.split('\n').slice(0, 4).join(' / ')}`
}
