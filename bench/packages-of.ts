/** For a worker's `--import`: its packages are those of the built checkout `CARAVAN_PACKAGES`. */

import { register } from 'node:module'
import { pathToFileURL } from 'node:url'

const folder = process.env.CARAVAN_PACKAGES
if (folder === undefined) throw new RangeError('CARAVAN_PACKAGES names no checkout.')
register('./packages-hook.js', import.meta.url, { data: `${pathToFileURL(folder).href}/` })
