/** `node examples/url-shortener/dist/main.js IMAGE [PORT]`: runs until it is told to stop. */

import { startService } from './service.js'

const [image, port = '8080'] = process.argv.slice(2)
if (image === undefined || !/^\d+$/.test(port)) {
  console.error('usage: main.js IMAGE [PORT]   (port 0: one that is free)')
  process.exit(2)
}
const service = await startService(image, Number(port))
console.log(`listening on ${service.url}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void service.close())
}
