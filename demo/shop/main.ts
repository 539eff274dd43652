/**
 * The example app: takes orders over HTTP, keeps them in `$DATA_DIR/orders.db` and a receipt for each beside it.
 * Knows nothing of Holdfast. Environment: PORT, DATA_DIR, SHOP_VERSION (1.4, or 1.5, which has a bug: migration.ts); HOST, the address to listen at,
 * by default only this machine's own.
 */
import fs from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { migrateTo15 } from './migration.ts'
import { OrderBook } from './order-book.ts'
import { Receipts } from './receipts.ts'
import { type Shop, serve } from './routes.ts'

const { HOST = '127.0.0.1', PORT, DATA_DIR, SHOP_VERSION } = process.env
if (!PORT || !DATA_DIR || (SHOP_VERSION !== '1.4' && SHOP_VERSION !== '1.5')) {
  console.error('shop needs PORT, DATA_DIR and SHOP_VERSION (1.4 or 1.5) in its environment')
  process.exit(2)
}

const shop = openShop(DATA_DIR, SHOP_VERSION)
const server = createServer((request, response) => {
  // A connection that was busy at SIGTERM would otherwise be kept alive for seconds.
  response.once(
    'close',
    () => server.listening || setImmediate(() => server.closeIdleConnections()),
  )
  void serve(shop, request, response)
})
server.listen(Number(PORT), HOST, () =>
  console.log(`shop ${SHOP_VERSION} serves on port ${PORT}, ${shop.orders.all().length} orders`),
)
process.once('SIGTERM', () => {
  console.log('shop closes')
  // Answers what was accepted; the process ends by itself when nothing is left.
  server.close(() => shop.orders.close())
})

function openShop(directory: string, version: '1.4' | '1.5'): Shop {
  fs.mkdirSync(directory, { recursive: true })
  const orders = new OrderBook(path.join(directory, 'orders.db'))
  const receipts = new Receipts(path.join(directory, 'receipts'))
  completeReceipts(orders, receipts)
  if (version === '1.5') migrateTo15(orders.database)
  return { version, orders, receipts }
}

/** A crash between the commit of an order and its receipt leaves the receipt out. */
function completeReceipts(orders: OrderBook, receipts: Receipts): void {
  for (const order of orders.all()) if (!receipts.has(order.id)) receipts.write(order)
}
