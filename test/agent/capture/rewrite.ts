/** A process that fills a file with one number after the other, in place and piece by piece, resting now and then. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const fd = openSync(process.argv[2] ?? '', 'r+')
process.on('disconnect', () => process.exit())
for (let number = 1; process.connected; number = (number + 1) % 256) {
  const piece = Buffer.alloc(100_000, number)
  for (let at = 0; at < 3_000_000; at += piece.length) writeSync(fd, piece, 0, piece.length, at)
  if (number === 1) process.send?.('writing')
  await sleep(number % 4 === 0 ? 30 : 0)
}
closeSync(fd)
