/** What is said about the cases of a golden folder, whatever its shape. */

export interface CaseResult {
  readonly name: string
  /** The first difference; `undefined` where the case passed. */
  readonly difference: string | undefined
  /** The rule of the folder's README that this case was judged by, where it is not the common one. */
  readonly exemption?: string
}

/** One case of a golden folder. */
export interface GoldenCase {
  readonly name: string
  judge(): Promise<CaseResult>
}

/** A kind of golden folder: one module each. */
export interface GoldenShape {
  readonly name: string
  /** True where `dir` holds cases of this shape. */
  recognises(dir: string): boolean
  /** Every case of the folder, in the order to report them. */
  cases(dir: string): GoldenCase[]
}

/** Judges one case; whatever it throws is a difference of that case, not the end of the run. */
export async function judgeCase(golden: GoldenCase): Promise<CaseResult> {
  try {
    return await golden.judge()
  } catch (error) {
    return { name: golden.name, difference: `the judge was stopped by ${describe(error)}` }
  }
}

/** The lines to print after the failing cases; the counts stand alone on the last line. */
export function summarise(results: readonly CaseResult[]): string[] {
  const lines: string[] = []
  const exempt = results.filter((result) => result.exemption !== undefined)
  if (exempt.length > 0) {
    lines.push(`exempt: ${exempt.length}, each judged by its own rule`)
    const rules = new Map<string, number>()
    for (const { exemption = '' } of exempt) rules.set(exemption, (rules.get(exemption) ?? 0) + 1)
    for (const [rule, count] of rules) lines.push(`  ${count} x ${rule}`)
  }
  const failed = results.filter((result) => result.difference !== undefined).length
  lines.push(`${results.length - failed} passed, ${failed} failed`)
  return lines
}

/** An error in one line: class, code and message. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${typeof error}: ${String(error)}`
  const code = 'code' in error ? ` ${String(error.code)}` : ''
  return `${error.name}${code}: ${error.message}`
}
