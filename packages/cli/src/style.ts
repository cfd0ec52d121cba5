/** Colours, where there is a terminal that wants them (https://no-color.org). */

import { inspect } from 'node:util'
import type { OutputStream } from './output.js'

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'cyan' | 'magenta'

/** Gives a text its colour, or leaves it as it is. */
export type Style = (colour: Colour, text: string) => string

/** For a stream that is a terminal; and for any with `FORCE_COLOR`. */
export function styleFor(stream: OutputStream, env: NodeJS.ProcessEnv): Style {
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0'
  const wanted = stream.isTTY === true && env.TERM !== 'dumb' && !env.NO_COLOR
  if (!forced && !wanted) return (_colour, text) => text
  return (colour, text) => {
    // Not util.styleText(): it judges the process's own output, not the stream given here.
    const [begin, end] = inspect.colors[colour] ?? [0, 0]
    return text === '' ? '' : `\x1b[${begin}m${text}\x1b[${end}m`
  }
}
