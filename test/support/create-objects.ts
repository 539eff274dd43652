/**
 * A process that creates objects, for tests that race or kill it: `create-objects.ts URL FOLDER COUNT BYTES NAME`.
 * It says "ready", waits for a line, then creates FOLDER/0 … and prints the numbers whose creation it won.
 */
import { once } from 'node:events'
import { openStore } from '../../shared/object-store/open-store.ts'

const [url = '', folder = '', count = '0', bytes = '0', name = ''] = process.argv.slice(2)
const store = await openStore(url)
console.log('ready')
await once(process.stdin, 'data')
process.stdin.destroy()
for (let number = 0; number < Number(count); number++) {
  const body = Buffer.alloc(Number(bytes), `${name} ${number} `)
  if ((await store.create(`${folder}/${number}`, body)) === 'created') console.log(number)
}
