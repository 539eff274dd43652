/** A process that overwrites a file with one byte, in one call, when it is told to. */
import fs from 'node:fs'

const [file = '', value = ''] = process.argv.slice(2)
const fd = fs.openSync(file, 'r+')
const bytes = Buffer.alloc(fs.fstatSync(fd).size, Number(value))
process.once('message', () => {
  if (fs.writeSync(fd, bytes, 0, bytes.length, 0) !== bytes.length) process.exitCode = 1
  process.disconnect()
})
process.send?.('ready')
