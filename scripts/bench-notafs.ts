/** `npm run bench-notafs`: see bench/notafs-main.ts, whose arguments these are. */

await import(new URL('../../bench/dist/notafs-main.js', import.meta.url).href)
