/**
 * The root file system of the image, which has all three programs: Node, the bundles, what of Debian they need, and
 * the papers (licences, bill of materials). No shell, no package manager, nothing that is only needed to build.
 *
 *   /usr/bin/node  holdfast  holdfast-agent  holdfast-webhook  getfattr  setfattr  xargs  sync
 *   /usr/lib/holdfast/<program>/main.mjs …       the bundles
 *   /usr/lib, /usr/lib64                         the libraries of the above
 *   /usr/share/doc/holdfast/                     licences, bill-of-materials.json
 *   /etc/passwd, group, nsswitch.conf; /tmp
 *
 * CA certificates are those that Node carries; one of your own comes by NODE_EXTRA_CA_CERTS.
 */
import { execFileSync } from 'node:child_process'
import { chmod, copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { billOfMaterials } from './bill-of-materials.ts'
import { PROGRAMS, bundleProgram, type Program } from './bundle.ts'
import { debianPackagesOf, npmPackagesOf, packageOfNode } from './packages.ts'
import { writeLicences } from './licences.ts'
import { copySystemPrograms, requireBuildTools } from './system-programs.ts'

/** By whom the programs run where nothing else is said. */
export const IMAGE_USER = 65_532

const COMMANDS: Record<Program, string> = {
  agent: 'holdfast-agent',
  webhook: 'holdfast-webhook',
  cli: 'holdfast',
}
const FILES = {
  '/etc/passwd': `root:x:0:0:root:/:/sbin/nologin\nholdfast:x:${IMAGE_USER}:${IMAGE_USER}:holdfast:/:/sbin/nologin\n`,
  '/etc/group': `root:x:0:\nholdfast:x:${IMAGE_USER}:\n`,
  '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
}
const HASHBANG = /^#!.*\n/

/** Makes the folder anew. Throws one sentence that names what this machine lacks. */
export async function assembleRootFs(root: string): Promise<void> {
  requireBuildTools()
  await rm(root, { recursive: true, force: true })
  await mkdir(root, { recursive: true })
  const system = copySystemPrograms(root, process.execPath)
  await addNode(root)
  const sources = await addPrograms(root)
  for (const [name, content] of Object.entries(FILES)) await add(root, name, content)
  await mkdir(path.join(root, 'tmp'))
  await chmod(path.join(root, 'tmp'), 0o1777)
  const packages = [packageOfNode(), ...npmPackagesOf(sources), ...debianPackagesOf(system)]
  await add(root, '/usr/share/doc/holdfast/bill-of-materials.json', billOfMaterials(packages))
  await writeLicences(packages, path.join(root, 'usr/share/doc/holdfast'))
}

/** Without its symbols, which only debuggers read: an eighth of it. What it exports to modules stays. */
async function addNode(root: string): Promise<void> {
  const target = path.join(root, 'usr/bin/node')
  await copyFile(process.execPath, target)
  execFileSync('strip', [target])
  await chmod(target, 0o755)
}

/** Returns the files whose code is in the bundles. */
async function addPrograms(root: string): Promise<string[]> {
  const sources = new Set<string>()
  for (const program of PROGRAMS) {
    const bundle = await bundleProgram(program, path.join(root, 'usr/lib/holdfast'))
    for (const source of bundle.sources) sources.add(source)
    // There is no /usr/bin/env. By a link, Node sees the name of the file, and so that it is a module.
    const code = (await readFile(bundle.main, 'utf8')).replace(HASHBANG, '')
    await writeFile(bundle.main, `#!/usr/bin/node\n${code}`)
    await chmod(bundle.main, 0o755)
    const target = `../lib/holdfast/${program}/main.mjs`
    await symlink(target, path.join(root, 'usr/bin', COMMANDS[program]))
  }
  return [...sources]
}

async function add(root: string, name: string, content: string): Promise<void> {
  const target = path.join(root, name)
  await mkdir(path.dirname(target), { recursive: true })
  await writeFile(target, content)
}
