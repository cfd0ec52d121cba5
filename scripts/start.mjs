/** `npm start`: set-up, then the tour in scripts/start.ts. */

process.argv.splice(2, 0, 'start')
await import('./run.mjs')
