/** The options of `mklittlefs`, in the order in which the original looks at them. */

/** A whole number of 32 bits, by option. */
export interface NumberOptions {
  /** Bytes of the image; 0: not given. */
  size: number
  page: number
  read: number
  block: number
  memory: number
  prefetch: number
  erase: number
  debug: number
}

interface OptionBase {
  /** One character; empty for an option without. */
  readonly flag: string
  readonly name: string
}

export type Option =
  /** One of which there must be exactly one. */
  | (OptionBase & { readonly kind: 'action'; readonly takesPath: boolean })
  | (OptionBase & { readonly kind: 'number'; readonly key: keyof NumberOptions })
  | (OptionBase & { readonly kind: 'path' })
  | (OptionBase & { readonly kind: 'switch' })

export const OPTIONS: readonly Option[] = [
  { kind: 'action', flag: 'l', name: 'list', takesPath: false },
  { kind: 'action', flag: 'u', name: 'unpack', takesPath: true },
  { kind: 'action', flag: 'c', name: 'create', takesPath: true },
  { kind: 'path', flag: 'T', name: 'from-file' },
  { kind: 'number', flag: 'd', name: 'debug', key: 'debug' },
  { kind: 'switch', flag: 'a', name: 'all-files' },
  { kind: 'number', flag: 't', name: 'prefetch', key: 'prefetch' },
  { kind: 'number', flag: 'm', name: 'memory', key: 'memory' },
  { kind: 'number', flag: 'e', name: 'erase', key: 'erase' },
  { kind: 'number', flag: 'b', name: 'block', key: 'block' },
  { kind: 'number', flag: 'r', name: 'read', key: 'read' },
  { kind: 'number', flag: 'p', name: 'page', key: 'page' },
  { kind: 'number', flag: 's', name: 'size', key: 'size' },
  { kind: 'switch', flag: '-', name: 'ignore_rest' },
  { kind: 'switch', flag: '', name: 'version' },
  { kind: 'switch', flag: 'h', name: 'help' },
]

export const NUMBER_DEFAULTS: NumberOptions = {
  size: 0,
  page: 256,
  read: 64,
  block: 4096,
  memory: 64,
  prefetch: 64,
  erase: 16,
  debug: 0,
}

/** What an image file is called where it is missing. */
export const IMAGE_NAME = 'image_file'
