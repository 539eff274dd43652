#!/usr/bin/env node
/** The command `holdfast`: the only place that knows the process it runs in. */
import { homedir } from 'node:os'
import { run } from './run.ts'
import { Signals } from './signals.ts'
import { Terminal } from './terminal.ts'

const terminal = new Terminal(process.stdout, process.stderr)
const code = await run(process.argv.slice(2), {
  terminal,
  signals: new Signals(process),
  home: homedir(),
  environment: process.env,
  debug: process.env['HOLDFAST_DEBUG'] === '1',
})
await terminal.flush()
// Idle connections to the store would hold the process for some seconds.
process.exit(code)
