import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Metafile, type Plugin } from 'esbuild'

/*
 * Builds `dist/`: the compiler's output, file by file, and in place of `kafka/client-library.js` a bundle of the parts of the client library
 * that it names. Of the rest of the library (schema registries, validators, consumers) nothing is loaded then.
 */

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const library = '@platformatic/kafka'
const door = join(root, 'dist', 'kafka', 'client-library.js')
/** Looked for at run time by parts of the bundle, and done without where they are missing. */
const optional = ['supports-color', 'kerberos']

const compiler = join(root, 'node_modules', '.bin', 'tsc')
const { status, error } = spawnSync(compiler, ['-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' })
if (error) throw error
if (status !== 0) process.exit(status ?? 1)

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: [door],
  outfile: door,
  allowOverwrite: true,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: optional,
  plugins: [withoutUnusedFiles()],
  // Parts of it are CommonJS.
  banner: {
    js: "import { createRequire as createRequireOfBundle } from 'node:module'\nconst require = createRequireOfBundle(import.meta.url)",
  },
  metafile: true,
  logLevel: 'warning',
})
writeFileSync(join(dirname(door), 'client-library.LICENSES.txt'), licences(metafile))

/** Files of the library from which nothing is taken are left out: loading them does nothing but make what they export. */
function withoutUnusedFiles(): Plugin {
  return {
    name: 'without-unused-files',
    setup(bundler) {
      bundler.onResolve({ filter: /.*/ }, async ({ path, pluginData, ...rest }) => {
        if (pluginData === 'asked') return undefined
        const found = await bundler.resolve(path, { ...rest, pluginData: 'asked' })
        return found.path.includes(join('node_modules', library)) ? { ...found, sideEffects: false } : found
      })
    },
  }
}

/** The licence of every package of which the bundle holds something. */
function licences({ outputs }: Metafile): string {
  const files = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : [])),
  )
  const packages = new Set(
    files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
  )
  return [...packages].sort().map(licence).join('\n\n')
}

function licence(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry))
  const text = file === undefined ? '' : readFileSync(join(root, folder, file), 'utf8')
  return `${name} ${version}, ${license}\n\n${text}`
}
