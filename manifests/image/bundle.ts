/**
 * What the images hold: each program as ECMAScript modules without node_modules.
 *
 * A program has a folder of its own: `main.mjs`, the worker programs that it starts, and a chunk for what it imports
 * lazily. All lie side by side, so that a module finds a worker beside itself wherever its code has ended up.
 */
import * as esbuild from 'esbuild'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { BUILTIN, builtinsByRequire, shakenSchemas } from './lean-plugins.ts'

export const PROGRAMS = ['agent', 'webhook', 'cli'] as const
export type Program = (typeof PROGRAMS)[number]

const REPOSITORY = path.join(import.meta.dirname, '../..')
/** How a module names the program of a worker: `new Worker(new URL('./hasher.ts', import.meta.url))`. */
const WORKER_URL = /new URL\('(\.{1,2}\/[^']+)\.ts', import\.meta\.url\)/g
/** How the bundle asks for Node's own modules. */
const REQUIRE = `import { createRequire as createRequireOfBundle } from 'node:module'
const require = createRequireOfBundle(import.meta.url)`

export interface Bundle {
  /** The file that Node is started with. */
  readonly main: string
  /** Every file whose code is in it, from the repository's root on. */
  readonly sources: readonly string[]
}

/** Makes `<folder>/<program>/main.mjs` and what belongs to it; whatever was there is gone. */
export async function bundleProgram(program: Program, folder: string): Promise<Bundle> {
  const outdir = path.join(folder, program)
  return bundle(path.join(REPOSITORY, program, 'main.ts'), outdir)
}

/** Makes `<outdir>/<name of the entry>.mjs` and what belongs to it; whatever was there is gone. */
export async function bundle(entry: string, outdir: string): Promise<Bundle> {
  // Workers are found while their parents are bundled, and may have workers of their own.
  let sources: string[] = []
  for (let entries = new Set([entry]), known = 0; known < entries.size;) {
    known = entries.size
    // One entry more cuts the chunks differently.
    await rm(outdir, { recursive: true, force: true })
    ;({ entries, sources } = await bundleEntries([...entries], outdir))
  }
  return { main: path.join(outdir, `${entryName(entry)}.mjs`), sources }
}

interface BundledEntries {
  /** Those asked for, and the worker programs that their code names. */
  readonly entries: Set<string>
  readonly sources: string[]
}

async function bundleEntries(entries: readonly string[], outdir: string): Promise<BundledEntries> {
  const found = new Set(entries)
  const { metafile } = await esbuild.build({
    absWorkingDir: REPOSITORY,
    metafile: true,
    entryPoints: Object.fromEntries(entries.map((file) => [entryName(file), file])),
    plugins: [
      workersBesideTheirParents((file) => found.add(file)),
      builtinsByRequire,
      shakenSchemas,
    ],
    outdir,
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunk-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    // Identifiers stay: errors carry the names of their classes, and stack traces and profiles can be read.
    minifyWhitespace: true,
    minifySyntax: true,
    banner: { js: REQUIRE },
    legalComments: 'external',
    logLevel: 'error',
  })
  return { entries: found, sources: Object.keys(metafile.inputs).filter(isFile) }
}

function isFile(source: string): boolean {
  return !source.startsWith(`${BUILTIN}:`)
}

function entryName(file: string): string {
  return path.basename(file, '.ts')
}

function workersBesideTheirParents(onWorker: (file: string) => void): esbuild.Plugin {
  return {
    name: 'workers',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
        const contents = (await readFile(file, 'utf8')).replace(WORKER_URL, (_, name: string) => {
          const worker = path.resolve(path.dirname(file), `${name}.ts`)
          onWorker(worker)
          return `new URL('./${entryName(worker)}.mjs', import.meta.url)`
        })
        return { contents, loader: 'ts' }
      })
    },
  }
}
