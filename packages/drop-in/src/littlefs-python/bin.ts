import { start } from '../start.js'
import { littlefsPython } from './main.js'

// A COLUMNS of the user's stands; else the terminal says how wide it is.
const columns = process.stdout.columns
const seen = columns === undefined ? {} : { COLUMNS: String(columns) }

await start((argv, around) => littlefsPython(argv, { ...around, env: { ...seen, ...around.env } }))
