/**
 * Stands for the program of an image. Writes what happens to it into the file JOURNAL.
 * Arguments: what to do on SIGTERM: `exit`, `ignore`, or a number: go on for so many milliseconds.
 */
import fs from 'node:fs'
import { createServer } from 'node:http'

const { JOURNAL = '/dev/null', NAME = 'unnamed', PORT } = process.env
const note = (what: string) => fs.appendFileSync(JOURNAL, `${NAME} ${what}\n`)
const [onTerm = 'exit'] = process.argv.slice(2)

process.on('SIGTERM', () => {
  note('SIGTERM')
  if (onTerm === 'ignore') return
  const lingerMs = onTerm === 'exit' ? 0 : Number(onTerm)
  setTimeout(() => {
    note('end')
    process.exit(0)
  }, lingerMs)
})
if (PORT !== undefined) {
  createServer((_request, response) => response.end(NAME)).listen(Number(PORT), '127.0.0.1')
}
setInterval(() => undefined, 60_000)
note('start')
console.log(`${NAME} runs`)
