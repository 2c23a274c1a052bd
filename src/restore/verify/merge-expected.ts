import type { ExpectedInput } from './expected-input.ts'

/**
 * Goes through the records of all inputs in the order in which a restore writes them: by largest time so far, then by place in
 * the plan. What is given is valid until the next one is asked for.
 */
export async function* mergeExpected(inputs: readonly ExpectedInput[]): AsyncGenerator<ExpectedInput> {
  const open: ExpectedInput[] = []
  for (const input of inputs) if (await input.advance()) open.push(input)
  while (open.length > 0) {
    let first = 0
    for (let i = 1; i < open.length; i++) {
      if (isBefore(open[i] as ExpectedInput, open[first] as ExpectedInput)) first = i
    }
    const input = open[first] as ExpectedInput
    yield input
    if (!input.step() && !(await input.advance())) open.splice(first, 1)
  }
}

function isBefore(a: ExpectedInput, b: ExpectedInput): boolean {
  return a.clock < b.clock || (a.clock === b.clock && a.index < b.index)
}
