/** `--at`: of the formats that hold older states. */

import { Option } from 'commander'

export const AT_OPTION: Option = new Option(
  '--at <state>',
  'an older state: a number that `caravan log` shows (littlefs, notafs), a commit (docteur: an id, 4 digits or more; HEAD~2)',
)
