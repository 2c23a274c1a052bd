/** Runs the work four times, each on what the one before has warmed up, and prints MB/s of the last three: of a job that runs for longer than these. */
export async function repeats(work: () => Promise<number>): Promise<void> {
  const rates: number[] = []
  for (let run = 0; run < 4; run++) {
    const started = performance.now()
    const bytes = await work()
    rates.push(bytes / 1000 / (performance.now() - started))
  }
  process.stdout.write(`${rates.slice(1).join(' ')}\n`)
}
