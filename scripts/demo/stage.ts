/** Prints what is going on: one line for each step, with the seconds it took, and a clock that runs on a terminal. */
export async function step<T>(title: string, work: (say: (line: string) => void) => Promise<T>): Promise<T> {
  const started = performance.now()
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`
  const live = process.stdout.isTTY
  const draw = () => process.stdout.write(`\r\x1b[K… ${title} ${seconds()}`)
  const timer = live ? setInterval(draw, 100) : undefined
  const lines: string[] = []
  try {
    if (!live) process.stdout.write(`… ${title}\n`)
    const result = await work((line) => lines.push(line))
    finish('✓')
    return result
  } catch (error) {
    finish('✗')
    throw error
  }

  function finish(mark: string): void {
    clearInterval(timer)
    process.stdout.write(`${live ? '\r\x1b[K' : ''}${mark} ${title} (${seconds()})\n`)
    for (const line of lines) process.stdout.write(`    ${line}\n`)
  }
}
