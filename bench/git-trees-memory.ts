/** Reads every blob of an image once and prints, as JSON, what memory that took. */

import { FileDevice } from '@caravan/device/node'
import { Docteur } from '@caravan/docteur'
import { nodePlatform } from '@caravan/docteur/node'

const [, , image = ''] = process.argv
const now = () => {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
const before = now()
let most = 0
const device = FileDevice.openSync(image, { readOnly: true })
const tree = Docteur.mountSync(device, { platform: nodePlatform })
for (const { path, type } of tree.walkSync()) {
  if (type !== 'file') continue
  tree.readFileSync(path)
  most = Math.max(most, now())
}
const processBytes = process.resourceUsage().maxRSS * 1024
console.log(JSON.stringify({ addedBytes: most - before, processBytes }))
