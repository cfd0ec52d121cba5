/**
 * littlefs' own example: a program that counts how often it was started, in a file that survives a
 * loss of power at any moment. The lines of the C program stand beside it.
 *
 *     node examples/dist/boot-count/boot-count.js [IMAGE]
 */

import { existsSync } from 'node:fs'
import { FileDevice } from '@caravan/device/node'
import { LittleFS } from '@caravan/littlefs'

const image = process.argv[2] ?? 'boot-count.img'

// The C program formats whatever it cannot mount; this one only what is new.
const isNew = !existsSync(image)
const device = FileDevice.openSync(image, {
  blockSize: 4096,
  blockCount: 128,
  create: true,
  lock: false,
})

// int err = lfs_mount(&lfs, &cfg);
// if (err) { lfs_format(&lfs, &cfg); lfs_mount(&lfs, &cfg); }
if (isNew) LittleFS.formatSync(device)
const fs = LittleFS.mountSync(device)

// uint32_t boot_count = 0;
const bootCount = new Uint32Array(1)
const { O_RDWR, O_CREAT } = fs.constants
// lfs_file_open(&lfs, &file, "boot_count", LFS_O_RDWR | LFS_O_CREAT);
const file = fs.openSync('boot_count', O_RDWR | O_CREAT)
// lfs_file_read(&lfs, &file, &boot_count, sizeof(boot_count));
fs.readSync(file, bootCount)

// boot_count += 1;
bootCount[0] = (bootCount[0] as number) + 1
// lfs_file_rewind(&lfs, &file);
// lfs_file_write(&lfs, &file, &boot_count, sizeof(boot_count));
fs.writeSync(file, bootCount, 0, bootCount.byteLength, 0)

// The file is saved when it is closed: until then it holds the old count.
// lfs_file_close(&lfs, &file);
fs.closeSync(file)

// lfs_unmount(&lfs);
fs.unmountSync()
device.close()

// printf("boot_count: %d\n", boot_count);
console.log(`boot_count: ${bootCount[0]}`)
