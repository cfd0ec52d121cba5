/** The program `mklittlefs`: what its arguments ask for, and what that answers. */

import type { Surroundings } from '../program.js'

export async function mklittlefs(_argv: readonly string[], _around: Surroundings): Promise<number> {
  return 1
}
