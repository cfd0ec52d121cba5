/** `npm run performance`: see bench/performance-main.ts, whose arguments these are. */

await import(new URL('../../bench/dist/performance-main.js', import.meta.url).href)
