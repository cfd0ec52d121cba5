/** `npm run bench-key-value`: see bench/key-value-main.ts, whose arguments these are. */

await import(new URL('../../bench/dist/key-value-main.js', import.meta.url).href)
