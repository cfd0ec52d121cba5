/**
 * UF2 families: which boards take a block.
 *
 * Source: uf2 README.md, "Family list" (utils/uf2families.json).
 */

/** Those on which littlefs is at home, by the name that the command takes. */
export const UF2_FAMILIES: Readonly<Record<string, number>> = {
  rp2040: 0xe48bff56,
  'rp2350-arm-s': 0xe48bff59,
  'rp2350-arm-ns': 0xe48bff5b,
  'rp2350-riscv': 0xe48bff5a,
  'rp2-absolute': 0xe48bff57,
  'rp2-data': 0xe48bff58,
  nrf52: 0x1b57745f,
  nrf52832xxaa: 0x72721d4e,
  nrf52832xxab: 0x6f752678,
  nrf52833: 0x621e937a,
  nrf52840: 0xada52840,
  esp32: 0x1c5f21b0,
  esp32s2: 0xbfdd4eee,
  esp32s3: 0xc47e5767,
  esp32c3: 0xd42ba06c,
}

/** Of blocks that any RP2 board takes: RP2350 files begin with one, which says nothing. */
export const ABSOLUTE_FAMILY = 0xe48bff57

/** The id of a family by its name, or as it is written: `0xe48bff56`. */
export function familyNamed(name: string): number | undefined {
  const known = UF2_FAMILIES[name.toLowerCase()]
  if (known !== undefined) return known
  return /^0x[0-9a-f]{1,8}$/i.test(name) ? Number(name) : undefined
}

/** A family as a person reads it: its name, or its id in hexadecimal. */
export function familyName(id: number): string {
  const known = Object.entries(UF2_FAMILIES).find(([, each]) => each === id)
  return known?.[0] ?? `0x${id.toString(16).padStart(8, '0')}`
}
