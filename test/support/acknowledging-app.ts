/** An app that acknowledges a write every 50 ms: `acknowledging-app.ts FILE`. Each number is appended, synced, then printed. */
import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const EVERY_MS = 50

const told = new AbortController()
process.once('SIGTERM', () => {
  told.abort()
})
const fd = fs.openSync(process.argv[2] ?? '', 'a')
for (let n = 1; !told.signal.aborted; n += 1) {
  fs.writeSync(fd, `${n}\n`)
  fs.fsyncSync(fd)
  fs.writeSync(1, `${n}\n`)
  await sleep(EVERY_MS)
}
