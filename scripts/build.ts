import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { build, type Metafile, type Plugin } from 'esbuild'

/*
 * `node scripts/build.ts [FOLDER]` builds `dist/`, or another folder: the two commands and the thread for chunks, each with what it needs and nothing else, in files that are loaded when they are
 * needed. Loading the sources file by file, and the client library as a whole, takes longer than many a command runs.
 */

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const output = resolve(process.argv[2] ?? join(root, 'dist'))
const { version, dependencies } = packageJson('.') as {
  version: string
  dependencies: Record<string, string>
}
/** Taken apart: unused files of it are not loaded. */
const library = '@platformatic/kafka'
/** Native code, or large and seldom used: stay packages of their own. */
const apart = ['@aws-sdk/client-s3', '@node-rs/crc32', 'lz4-napi', 'snappy']
/** Looked for at run time by parts of the bundle, and done without where they are missing. */
const optional = ['supports-color', 'kerberos']

for (const name of apart) if (!(name in dependencies)) throw new Error(`${name} is no dependency any more`)
rmSync(output, { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: {
    'kafka-backup': 'src/cli/main.ts',
    kmap: 'src/cli/kmap/main.ts',
    'chunk-worker': 'src/archive/chunk-worker.ts',
  },
  outdir: output,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: [...apart, ...optional],
  define: { TIDEMARK_VERSION: JSON.stringify(version) },
  plugins: [withoutUnusedFiles()],
  // Parts of the libraries are CommonJS.
  banner: {
    js: "import { createRequire as requireOfBundle } from 'node:module'\nconst require = requireOfBundle(import.meta.url)",
  },
  metafile: true,
  logLevel: 'warning',
})
writeFileSync(join(output, 'LICENSES.txt'), licences(metafile))

/** Files of the client library from which nothing is taken are left out: loading them does nothing but make what they export. */
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

/** The licence of every package of which the output holds something. */
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
  const { name, version, license } = packageJson(folder)
  const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry))
  const text = file === undefined ? '' : readFileSync(join(root, folder, file), 'utf8')
  return `${name} ${version}, ${license}\n\n${text}`
}

function packageJson(folder: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
}
