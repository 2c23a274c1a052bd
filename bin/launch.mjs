// Starts a program on a Node that is new enough. Plain JavaScript that old versions understand: on one of them, the
// `node` package's binary found beside this package is started instead.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const needed = 24
const here = dirname(fileURLToPath(import.meta.url))

/**
 * Runs the built program `name`, or where nothing is built its `source`. `url` is that of the command's own file, which is started again by the
 * newer Node.
 */
export async function launch(name, source, url) {
  if (Number(process.versions.node.split('.')[0]) >= needed) {
    const { enableCompileCache } = await import('node:module')
    enableCompileCache()
    const built = join(here, '..', 'dist', `${name}.js`)
    const file = existsSync(built) ? built : join(here, '..', 'src', source)
    // Started by an older Node (below): if that is killed, this process must not go on alone.
    if (process.channel) {
      process.on('disconnect', () => process.exit(137))
      process.channel.unref()
    }
    await import(pathToFileURL(file).href)
    return
  }
  const newer = newerNode(here)
  if (newer === undefined) {
    process.stderr.write(
      `Error: ${name} needs Node ${needed} or newer and runs on ${process.versions.node} [USAGE]\n` +
        '  hint: Install it from https://nodejs.org, or `npm install node@24` beside this package.\n',
    )
    process.exit(2)
  }
  start(newer, fileURLToPath(url))
}

/** The binary of the `node` package, in the nearest node_modules. */
function newerNode(from) {
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  for (let folder = from; ; folder = dirname(folder)) {
    const binary = join(folder, 'node_modules', 'node', 'bin', name)
    if (existsSync(binary)) return binary
    if (folder === dirname(folder)) return undefined
  }
}

/**
 * In a process group of its own, so that Ctrl-C reaches the program once, through here, and not a second time from the
 * terminal: a second signal means "give up". The channel tells it when this process is gone.
 */
function start(binary, file) {
  const child = spawn(binary, [...process.execArgv, file, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    detached: true,
  })
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(name, () => child.kill(name))
  child.on('error', (error) => {
    process.stderr.write(`Error: ${binary} cannot be started: ${error.message} [USAGE]\n`)
    process.exit(2)
  })
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]))
}
