import { start } from '../start.js'
import { mklittlefs } from './main.js'

await start(mklittlefs)
