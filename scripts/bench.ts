/** `npm run bench`: see bench/main.ts, whose arguments these are. */

await import(new URL('../../bench/dist/main.js', import.meta.url).href)
