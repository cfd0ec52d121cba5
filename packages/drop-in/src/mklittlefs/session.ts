/** What the actions of `mklittlefs` are given. */

import type { Surroundings } from '../program.js'
import type { Arguments } from './arguments.js'

export interface Session extends Surroundings {
  readonly arguments: Arguments
}

/** The debug level above which the space in an image is told of. */
export const SPACE_LEVEL = 3

export const EXIT = { done: 0, failed: 1, interrupted: 130 } as const
