/** Random directory trees, made on disk by means that share nothing with the code under test. */
import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import * as fc from 'fast-check'
import { fsPath } from '../../../agent/volume/raw-path.ts'

interface Node {
  readonly path: readonly string[]
  readonly kind: 'file' | 'directory' | 'symlink' | 'link' | 'sparse'
  readonly fileMode: number
  readonly directoryMode: number
  /** Seconds; before 1970, too. */
  readonly mtime: number
  readonly content: number
  readonly owner: number
}
export type Tree = readonly Node[]

const part = fc.constantFrom('a', 'b', 'c', 'b-', 'ü \n"', '\udcff')

export const anyTree: fc.Arbitrary<Tree> = fc.array(
  fc.record({
    path: fc.array(part, { minLength: 1, maxLength: 4 }),
    kind: fc.constantFrom('file', 'file', 'directory', 'symlink', 'link', 'sparse'),
    fileMode: fc.constantFrom(0o644, 0o600, 0o400, 0o4755, 0o2755, 0o1644, 0o777),
    directoryMode: fc.constantFrom(0o755, 0o700, 0o555, 0o500, 0o1777, 0o2775),
    mtime: fc.oneof(
      fc.constantFrom(0, 1, -1.5, 1_700_000_000, 1_700_000_000.5),
      fc.integer({ min: -2e15, max: 4e15 }).map((us) => us / 1e6),
    ),
    content: fc.nat(4),
    owner: fc.constantFrom(0, 1000, 65_534),
  }),
  { maxLength: 14 },
)

/** Makes the tree below `dir`, which is made, too. Nodes for which there is no place are left out. */
export function makeTree(dir: string, tree: Tree): void {
  mkdirSync(dir, { recursive: true })
  const made: { at: string; node: Node; isDirectory: boolean }[] = []
  const files: string[] = []
  const make = (at: string, node: Node, kind: Node['kind']) => {
    if (lstatSync(fsPath(at), { throwIfNoEntry: false }) !== undefined) return
    makeNode(at, node, kind, files)
    made.push({ at, node, isDirectory: kind === 'directory' })
  }
  for (const node of tree) {
    const parents = node.path
      .slice(0, -1)
      .map((_, i) => `${dir}/${node.path.slice(0, i + 1).join('/')}`)
    const isOpen = parents.every((parent) => {
      make(parent, node, 'directory')
      return lstatSync(fsPath(parent)).isDirectory()
    })
    if (isOpen) make(`${dir}/${node.path.join('/')}`, node, node.kind)
  }
  for (const { at, node, isDirectory } of made.toReversed()) dress(at, node, isDirectory)
}

function makeNode(at: string, node: Node, kind: Node['kind'], files: string[]): void {
  const [existing] = files
  if (kind === 'directory') mkdirSync(fsPath(at))
  else if (kind === 'symlink') symlinkSync(node.content === 0 ? '/etc' : '../b', fsPath(at))
  else if (kind === 'link' && existing !== undefined) linkSync(fsPath(existing), fsPath(at))
  else {
    writeFileSync(fsPath(at), `content ${node.content} `.repeat(node.content * 3000))
    if (kind === 'sparse') truncateSync(fsPath(at), 400_000 + node.content)
    files.unshift(at)
  }
}

function dress(at: string, node: Node, isDirectory: boolean): void {
  if (process.geteuid?.() === 0) lchownSync(fsPath(at), node.owner, node.owner)
  if (!lstatSync(fsPath(at)).isSymbolicLink())
    chmodSync(fsPath(at), isDirectory ? node.directoryMode : node.fileMode)
  lutimesSync(fsPath(at), String(node.mtime), String(node.mtime))
}
