import type { IncomingMessage, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import type { NewOrder, OrderBook } from './order-book.ts'
import type { Receipts } from './receipts.ts'

export interface Shop {
  version: string
  orders: OrderBook
  receipts: Receipts
}

interface Answer {
  status: number
  body: unknown
}

export async function serve(shop: Shop, request: IncomingMessage, response: ServerResponse) {
  const { status, body } = await answer(shop, request).catch((error: unknown) => ({
    status: 500,
    body: { error: String(error) },
  }))
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(body)}\n`)
}

async function answer(shop: Shop, request: IncomingMessage): Promise<Answer> {
  const route = `${request.method} ${request.url}`
  if (route === 'GET /healthz') return { status: 200, body: { version: shop.version } }
  if (route === 'GET /summary') return { status: 200, body: summary(shop) }
  if (route === 'GET /orders') return { status: 200, body: shop.orders.all() }
  if (route === 'POST /orders') return placeOrder(shop, request)
  const id = /^GET \/orders\/(\d+)$/.exec(route)?.[1]
  const order = id === undefined ? undefined : shop.orders.find(Number(id))
  return order ? { status: 200, body: order } : { status: 404, body: { error: `no ${route}` } }
}

/** The receipt comes after the commit: `completeReceipts` in main.ts mends a crash between the two. */
async function placeOrder({ orders, receipts }: Shop, request: IncomingMessage): Promise<Answer> {
  const body: unknown = await json(request).catch(() => undefined)
  if (!isNewOrder(body)) {
    const error =
      'an order is {"item": text, "quantity": whole number > 0, "priceCents": whole number}'
    return { status: 400, body: { error } }
  }
  const order = orders.add(body)
  receipts.write(order)
  return { status: 201, body: order }
}

function isNewOrder(body: unknown): body is NewOrder {
  if (typeof body !== 'object' || body === null) return false
  const { item, quantity, priceCents } = body as Partial<Record<keyof NewOrder, unknown>>
  const counts = Number.isSafeInteger(quantity) && Number.isSafeInteger(priceCents)
  return typeof item === 'string' && item !== '' && counts && +quantity! > 0 && +priceCents! >= 0
}

/** `consistent`: every order has its receipt, with the same total. */
function summary({ version, orders, receipts }: Shop) {
  const all = orders.all()
  return {
    version,
    count: all.length,
    revenueCents: all.reduce((sum, order) => sum + order.totalCents, 0),
    receipts: receipts.count(),
    consistent: all.every((order) => receipts.totalCents(order.id) === order.totalCents),
  }
}
