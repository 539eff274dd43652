/** A customer of the shop, and somebody who looks at the books. They reach a pod by way of the API server. */
import { runTool, tryTool } from '../../support/cluster-tools.ts'
import type { Manifest } from '../../manifests/chart.ts'

export interface Books {
  readonly version: string
  readonly count: number
  readonly revenueCents: number
  readonly receipts: number
  readonly consistent: boolean
}

const ORDER = { item: 'rope', quantity: 3, priceCents: 1999 }

/** Each answer means that the shop has the order on disk. */
export function placeOrders(pod: Manifest, count: number): void {
  for (let placed = 0; placed < count; placed += 1) {
    const words = ['create', '--raw', `${proxy(pod)}/orders`, '-f', '-']
    const { status, stderr } = tryTool('kubectl', words, JSON.stringify(ORDER))
    if (status !== 0) throw new Error(`an order was refused: ${stderr}`)
  }
}

export function booksOf(pod: Manifest): Books {
  return JSON.parse(runTool('kubectl', 'get', '--raw', `${proxy(pod)}/summary`)) as Books
}

function proxy({ metadata }: Manifest): string {
  return `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}:8080/proxy`
}
