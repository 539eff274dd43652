/** What is left out of a bundle because it would only take memory: esbuild alone does not see that nobody needs it. */
import type * as esbuild from 'esbuild'
import { readFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'

/** The namespace of Node's own modules among a bundle's sources. */
export const BUILTIN = 'builtin'

/**
 * Node's own modules come by `require`. An `import` of one reads every export that it has, which calls the getters
 * behind which Node keeps what few need: with `node:http` comes the whole of its WebSocket client. Together that is 8 MB at rest.
 */
export const builtinsByRequire: esbuild.Plugin = {
  name: 'builtins-by-require',
  setup(build) {
    build.onResolve({ filter: /^[a-z]/ }, ({ path: name, kind }) => {
      if (!isBuiltin(name)) return undefined
      // What is imported when it is needed is named by its exports, and has only `default` as a CommonJS module.
      return kind === 'require-call' || kind === 'dynamic-import'
        ? { path: name, external: true }
        : { path: name, namespace: BUILTIN }
    })
    build.onLoad({ filter: /.*/, namespace: BUILTIN }, ({ path: name }) => ({
      contents: `module.exports = require(${JSON.stringify(name)})`,
    }))
  },
}

/**
 * The AWS SDK describes all operations of a service in one file of tables. In its keys stand constants, `{ [_hC]: '-' }`:
 * esbuild cannot tell that nothing happens when they are read, and keeps the tables of a hundred operations for six.
 */
export const shakenSchemas: esbuild.Plugin = {
  name: 'shaken-schemas',
  setup(build) {
    build.onLoad({ filter: /@aws-sdk\/.*\/schemas_0\.js$/ }, async ({ path: file }) => {
      const source = await readFile(file, 'utf8')
      const strings = new Map(
        [...source.matchAll(/^const (\w+) = ("[^"\\]*");$/gm)].map(([, name, text]) => [
          name,
          text,
        ]),
      )
      const contents = source.replace(
        /\[(\w+)\]:/g,
        (key, name: string) => `${strings.get(name) ?? key}:`,
      )
      return { contents }
    })
  },
}
