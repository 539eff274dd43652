#!/usr/bin/env node
// The bin. Plain JavaScript that every Node since 14 can read, because the program itself is TypeScript, which only
// newer ones run: an older Node hands over to the one that `npm install` brought, or says what is missing.
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const NEEDED = 24
const bundled = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  // Not awaited at the top level: the oldest Nodes could not read that.
  void import('./main.ts')
} else if (existsSync(bundled) && realpathSync(bundled) !== realpathSync(process.execPath)) {
  handOver()
} else {
  console.error(
    `holdfast: this is Node ${process.versions.node}, and holdfast needs ${NEEDED} or newer: run "npm install" in its folder, which brings one, or put a newer node first on the PATH`,
  )
  process.exitCode = 1
}

function handOver() {
  const program = fileURLToPath(new URL('main.ts', import.meta.url))
  const child = spawn(bundled, [program, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      child.kill(signal)
    })
  child.on('error', (error) => {
    console.error(`holdfast: ${bundled} cannot be started (${error.code}): run "npm install" again`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
  })
}
