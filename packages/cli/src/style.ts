/** Colours, where there is a terminal that wants them (https://no-color.org). */

import { styleText } from 'node:util'
import type { OutputStream } from './output.js'

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'cyan' | 'magenta'

/** Gives a text its colours, or leaves it as it is. */
export type Style = (colour: Colour | readonly Colour[], text: string) => string

export function styleFor(stream: OutputStream, env: NodeJS.ProcessEnv): Style {
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0'
  const wanted = stream.isTTY === true && env.TERM !== 'dumb' && !env.NO_COLOR
  if (!forced && !wanted) return (_colour, text) => text
  return (colour, text) => {
    let styled = text
    for (const one of typeof colour === 'string' ? [colour] : colour)
      styled = styleText(one, styled)
    return styled
  }
}
