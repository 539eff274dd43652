/** The pod's own annotations, as the downward API shows them in a file: the agent needs no access to the API. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { watch } from 'chokidar'
import { ANNOTATIONS_FILE } from '../shared/sidecar-contract.ts'

/** The annotations now; undefined while there is no such file. Lines read `key="value"`, the value quoted as in Go. */
export function readAnnotations(podInfoDir: string): ReadonlyMap<string, string> | undefined {
  let text: string
  try {
    text = readFileSync(path.join(podInfoDir, ANNOTATIONS_FILE), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const annotations = new Map<string, string>()
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=')
    if (equals > 0) annotations.set(line.slice(0, equals), unquote(line.slice(equals + 1)))
  }
  return annotations
}

/** Go's `%q` is JSON but for `\a`, `\v`, `\x` and `\U`; these bytes never stand in what Holdfast reads. */
function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted))
  } catch {
    return quoted
  }
}

/** Calls back when the kubelet has written the file anew: it swaps a link in the directory. */
export function watchPodInfo(podInfoDir: string, onChange: () => void): () => Promise<void> {
  const watcher = watch(podInfoDir, { ignoreInitial: true, depth: 0 })
  watcher.on('raw', onChange)
  // What was written between the first look and the first watch had nobody to see it.
  watcher.on('ready', onChange)
  watcher.on('error', onChange)
  return () => watcher.close()
}
