/** A customer, and somebody who looks at the books. */
import type { LocalPod } from './pod-runner/local-pod.ts'

export interface Summary {
  readonly version: string
  readonly count: number
  readonly revenueCents: number
  readonly receipts: number
  readonly consistent: boolean
}

const ITEMS = ['anchor', 'rope', 'lantern', 'compass', 'sail'] as const

/** Places orders, one after another; each answer means that the shop has it on disk. */
export async function placeOrders(pod: LocalPod, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const order = {
      item: ITEMS[i % ITEMS.length],
      quantity: 1 + (i % 3),
      priceCents: 1999 + 500 * i,
    }
    const response = await fetch(`${pod.url(8080)}/orders`, {
      method: 'POST',
      body: JSON.stringify(order),
    })
    if (response.status !== 201) throw new Error(`POST /orders answered ${response.status}`)
  }
}

export async function summaryOf(pod: LocalPod): Promise<Summary> {
  return (await (await fetch(`${pod.url(8080)}/summary`)).json()) as Summary
}

/** As a person would read it out. */
export function describe({ version, count, revenueCents, receipts, consistent }: Summary): string {
  const books = consistent ? 'books agree' : 'BOOKS DISAGREE'
  return `shop ${version}: ${count} orders, ${(revenueCents / 100).toFixed(2)} €, ${receipts} receipts, ${books}`
}
