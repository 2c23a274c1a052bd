import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempFolder } from '../support/temp-folder.ts'

const bin = join(import.meta.dirname, '..', '..', 'bin')

/** A package with the launcher and a program of our own in it. */
async function packageWith(program: string) {
  const folder = await tempFolder('launcher')
  await mkdir(join(folder.path, 'bin'))
  await mkdir(join(folder.path, 'dist'))
  for (const file of ['kafka-backup.mjs', 'launch.mjs']) {
    await copyFile(join(bin, file), join(folder.path, 'bin', file))
  }
  await writeFile(join(folder.path, 'package.json'), '{"type":"module"}')
  await writeFile(join(folder.path, 'dist', 'kafka-backup.js'), program)
  return { folder, bin: join(folder.path, 'bin', 'kafka-backup.mjs') }
}

/** Makes this Node look like an old one, the first time: a module loaded before the launcher. */
async function oldNode(folder: string): Promise<readonly string[]> {
  const disguise = join(folder, 'disguise.cjs')
  await writeFile(
    disguise,
    `if (!process.channel) Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })`,
  )
  return ['--require', disguise]
}

/** The \`node\` package beside the launcher, its binary being this Node. */
async function installNode(folder: string): Promise<void> {
  const bin = join(folder, 'node_modules', 'node', 'bin')
  await mkdir(bin, { recursive: true })
  const binary = join(bin, 'node')
  await writeFile(binary, `#!/bin/sh\\nexec '${process.execPath}' "$@"\\n`.replaceAll('\\n', '\n'))
  await chmod(binary, 0o755)
}

test('the built program runs when there is one, and its exit code passes through', async () => {
  const { folder, bin } = await packageWith(`console.log(process.argv.slice(2).join(' ')); process.exit(4)`)
  await using _ = folder
  const { status, stdout } = spawnSync(process.execPath, [bin, 'a', '-b'], { encoding: 'utf8' })
  assert.equal(stdout, 'a -b\n')
  assert.equal(status, 4)
})

test('an old Node starts the newer one that lies beside it; output and exit code pass through', async () => {
  const { folder, bin } = await packageWith(`console.log('new', process.argv[2]); process.exit(3)`)
  await using _ = folder
  await installNode(folder.path)
  const old = await oldNode(folder.path)
  const { status, stdout } = spawnSync(process.execPath, [...old, bin, 'x y'], { encoding: 'utf8' })
  assert.equal(stdout, 'new x y\n')
  assert.equal(status, 3)
})

test('an old Node alone is told what is needed in one sentence, exit 2', async () => {
  const { folder, bin } = await packageWith('')
  await using _ = folder
  const old = await oldNode(folder.path)
  const { status, stderr } = spawnSync(process.execPath, [...old, bin], { encoding: 'utf8' })
  assert.match(stderr, /^Error: kafka-backup needs Node 24 or newer and runs on 20\.1\.0/)
  assert.equal(status, 2)
})

const waiting = `
let signals = 0
process.on('SIGTERM', () => { signals++; setTimeout(() => { console.log('signals', signals); process.exit(130) }, 300) })
setInterval(() => {}, 1000)
console.log('ready')
`

test('a signal reaches the program once through the older Node', async () => {
  const { folder, bin } = await packageWith(waiting)
  await using _ = folder
  await installNode(folder.path)
  const child = spawn(process.execPath, [...(await oldNode(folder.path)), bin], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8')
  for await (const text of child.stdout) {
    if (output === '') child.kill('SIGTERM')
    output += text
  }
  assert.match(output, /signals 1\n$/)
  if (child.exitCode === null) await once(child, 'exit')
  assert.equal(child.exitCode, 130)
})

test('when the launcher is killed, the program does not go on alone', async () => {
  const { folder, bin } = await packageWith(waiting)
  await using _ = folder
  await installNode(folder.path)
  const child = spawn(process.execPath, [...(await oldNode(folder.path)), bin], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [text] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  assert.match(text, /^ready/)
  child.stdout.resume()
  child.kill('SIGKILL')
  // The pipe closes when the last process that holds it is gone: else this waits for ever.
  await once(child.stdout, 'close')
})
