import { type Clock, noProgress, systemClock, type Telemetry } from '../base/index.ts'
import type { ExitStatus } from './exit-status.ts'
import { Interruption } from './interruption.ts'
import { type LogLevel, logTelemetry } from './log-telemetry.ts'
import { Output } from './output.ts'
import type { ShownProgress } from './progress/terminal-progress.ts'

/** How a command shows what it is doing. */
export interface RunFlags {
  readonly progress?: 'auto' | 'none' | 'json'
  readonly logLevel?: LogLevel
  readonly logFormat?: 'text' | 'json'
}

const silent: ShownProgress = { ...noProgress, above: (write) => write(), stop() {} }

/** One run of the program: its streams, its interruption, what it shows. Made once, at the top. */
export class Session {
  readonly out = new Output(process.stdout)
  readonly err = new Output(process.stderr)
  readonly clock: Clock = systemClock
  readonly interruption: Interruption
  /** Errors go out as JSON objects. Known before the flags are parsed, so that mistakes in them do too. */
  jsonErrors = false
  /** Exit status of a command that did not fail. */
  status: ExitStatus = 0
  #progress: ShownProgress = silent
  #level: LogLevel = 'info'
  #format: 'text' | 'json' = 'text'

  constructor(giveUp: (status: number) => void) {
    this.interruption = new Interruption({
      announce: (name) =>
        this.log('warn', `${name}: finishing what is under way; a second signal gives up at once`),
      giveUp: (why) => {
        this.#progress.stop()
        this.log('error', why)
        giveUp(130)
      },
    })
  }

  get signal(): AbortSignal {
    return this.interruption.signal
  }

  get debug(): boolean {
    return this.#level === 'debug'
  }

  /** Applies the flags that say what is shown. */
  async show(flags: RunFlags): Promise<void> {
    this.#level = flags.logLevel ?? 'info'
    this.#format = flags.logFormat ?? 'text'
    const wanted = flags.progress ?? 'auto'
    if (wanted === 'json') {
      const { jsonProgress } = await import('./progress/json-progress.ts')
      this.#progress = jsonProgress(this.err, this.clock)
    } else if (wanted === 'auto' && this.err.live && this.#format === 'text') {
      const { terminalProgress } = await import('./progress/terminal-progress.ts')
      this.#progress = terminalProgress(this.err, this.clock)
    }
  }

  get progress(): ShownProgress {
    return this.#progress
  }

  /** Log lines on stderr, above the progress. */
  get telemetry(): Telemetry {
    return logTelemetry({
      level: this.#level,
      format: this.#format,
      now: () => this.clock.now(),
      write: (line) => this.#progress.above(() => this.err.line(line)),
    })
  }

  log(level: LogLevel, message: string): void {
    this.telemetry.log(level, message)
  }

  /** Prints the result of a command on stdout. */
  async print(format: string, object: unknown, text: () => string): Promise<void> {
    this.settle()
    if (format === 'text') return this.out.write(text())
    const { jsonText, yamlText } = await import('./render/machine-formats.ts')
    this.out.write(format === 'yaml' ? await yamlText(object) : jsonText(object))
  }

  /** Takes progress off the screen: before results are printed. */
  settle(): void {
    this.#progress.stop()
  }
}
