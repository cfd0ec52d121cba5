export { littlefsPython } from './littlefs-python/main.js'
export { mklittlefs } from './mklittlefs/main.js'
export type { Program, Sink, Surroundings } from './program.js'
