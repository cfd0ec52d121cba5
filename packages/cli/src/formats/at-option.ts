/** `--at`: of the formats that hold older states. */

import { Option } from 'commander'

export const AT_OPTION: Option = new Option(
  '--at <state>',
  'an older state: a commit in the image (an id, 4 digits or more; HEAD~2), a generation of notafs',
)
