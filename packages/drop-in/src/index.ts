export type { Program, Sink, Surroundings } from './program.js'
