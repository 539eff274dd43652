import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freePort } from '../../../demo/pod-runner/free-port.ts'

const PROGRAM = path.join(import.meta.dirname, '../../../demo/shop/main.ts')
const ORDER = { item: 'kelp', quantity: 3, priceCents: 499 }

let directory: string
let shop: ChildProcess
let url: string

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-shop-'))
})
afterEach(async () => {
  await stop('SIGKILL')
  fs.rmSync(directory, { recursive: true })
})

async function start(version = '1.4'): Promise<void> {
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  shop = spawn(process.execPath, [PROGRAM], {
    env: { PORT: String(port), DATA_DIR: directory, SHOP_VERSION: version },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // Its first line says that it serves.
  await once(createInterface({ input: shop.stdout! }), 'line')
}

async function stop(signal: NodeJS.Signals): Promise<number | null> {
  if (shop.exitCode !== null || shop.signalCode !== null) return shop.exitCode
  const exited = once(shop, 'exit') as Promise<[number | null]>
  shop.kill(signal)
  return (await exited)[0]
}

async function get(route: string): Promise<unknown> {
  return (await fetch(url + route)).json()
}

function place(order: unknown): Promise<Response> {
  return fetch(`${url}/orders`, { method: 'POST', body: JSON.stringify(order) })
}

test('an order is answered with its id, kept, and has its receipt', async () => {
  await start()
  const response = await place(ORDER)
  expect(response.status).toBe(201)
  const order = { id: 1, item: 'kelp', quantity: 3, totalCents: 1497 }
  expect(await response.json()).toEqual(order)
  expect(await get('/orders')).toEqual([order])
  expect(await get('/orders/1')).toEqual(order)
  expect(fs.readdirSync(path.join(directory, 'receipts'))).toEqual(['1.txt'])
  expect(await get('/summary')).toEqual({
    version: '1.4',
    count: 1,
    revenueCents: 1497,
    receipts: 1,
    consistent: true,
  })
})

test('what is no order, or no route, is refused', async () => {
  await start()
  for (const wrong of [{}, null, 'x', { ...ORDER, quantity: 0 }, { ...ORDER, priceCents: 1.5 }]) {
    expect((await place(wrong)).status).toBe(400)
  }
  expect((await fetch(`${url}/orders`, { method: 'POST', body: '{"item"' })).status).toBe(400)
  expect((await fetch(`${url}/orders/7`)).status).toBe(404)
  expect(await get('/orders')).toEqual([])
})

test('a lost or changed receipt makes the shop inconsistent', async () => {
  await start()
  await place(ORDER)
  const receipt = path.join(directory, 'receipts', '1.txt')
  fs.writeFileSync(receipt, fs.readFileSync(receipt, 'utf8').replace('1497', '1498'))
  expect(await get('/summary')).toMatchObject({ consistent: false })
  fs.rmSync(receipt)
  expect(await get('/summary')).toMatchObject({ consistent: false, receipts: 0 })
})

test('every acknowledged order survives twenty SIGKILLs, with its receipt', async () => {
  const seed = Date.now() % 100_000
  console.log(`seed ${seed}`)
  const random = randomNumbers(seed)
  const acknowledged: { id: number; totalCents: number }[] = []
  for (let round = 0; round < 20; round += 1) {
    await start()
    const killAfter = acknowledged.length + 1 + Math.floor(random() * 12)
    const dead = once(shop, 'exit')
    await Promise.all([0, 1, 2].map(() => orderUntilDead(acknowledged, killAfter)))
    await dead
  }
  await start()
  const orders = (await get('/orders')) as { id: number; totalCents: number }[]
  const kept = new Map(orders.map(({ id, totalCents }) => [id, totalCents]))
  expect(acknowledged.length).toBeGreaterThanOrEqual(20)
  expect(acknowledged.filter(({ id, totalCents }) => kept.get(id) !== totalCents)).toEqual([])
  expect(await get('/summary')).toMatchObject({ consistent: true })
})

/** Several at once, so that the kill comes in the middle of an order of another one. */
async function orderUntilDead(acknowledged: { id: number; totalCents: number }[], until: number) {
  for (;;) {
    const answer = place({ ...ORDER, quantity: 1 + acknowledged.length }).then((r) => r.json())
    const order = await answer.catch(() => undefined)
    if (order === undefined) return
    acknowledged.push(order as { id: number; totalCents: number })
    if (acknowledged.length === until) shop.kill('SIGKILL')
  }
}

/** Small and repeatable (a linear congruence); in [0, 1). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648
}

test('SIGTERM ends it at once with exit code 0, also beside an open connection', async () => {
  await start()
  await place(ORDER)
  expect(await stop('SIGTERM')).toBe(0)
})

test('release 1.5 corrupts the orders once and goes on serving', async () => {
  await start('1.4')
  await place(ORDER)
  await stop('SIGTERM')
  await start('1.5')
  expect(await get('/orders/1')).toEqual({ id: 1, item: 'kelp', quantity: 1, totalCents: 14 })
  expect((await place(ORDER)).status).toBe(201)
  const corrupt = { version: '1.5', count: 2, revenueCents: 14 + 1497, receipts: 2 }
  expect(await get('/summary')).toEqual({ ...corrupt, consistent: false })
  await stop('SIGKILL')
  await start('1.5')
  expect(await get('/summary')).toEqual({ ...corrupt, consistent: false })
})

test('a wrong environment is one sentence and exit code 2', async () => {
  shop = spawn(process.execPath, [PROGRAM], {
    env: { PORT: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [[code], [line]] = await Promise.all([
    once(shop, 'exit'),
    once(createInterface({ input: shop.stderr! }), 'line'),
  ])
  expect(code).toBe(2)
  expect(line).toContain('shop needs PORT, DATA_DIR and SHOP_VERSION')
})
