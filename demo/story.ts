/** The whole product, told with one shop: declare, continue, return. */
import { KEY } from '../shared/sidecar-contract.ts'
import type { LocalCluster, TemplateParts } from './local-cluster.ts'
import type { Narrator } from './narrator.ts'
import { describe, placeOrders, summaryOf } from './shop-client.ts'

export async function tell(cluster: LocalCluster, narrator: Narrator): Promise<void> {
  await declare(cluster, narrator)
  await resume(cluster, narrator)
  const good = await release(cluster, narrator)
  await comeBack(cluster, narrator, good)
  await keepGoing(cluster, narrator)
  await undo(cluster, narrator)
}

async function declare(cluster: LocalCluster, narrator: Narrator): Promise<void> {
  narrator.chapter('Declare: one annotation')
  narrator.say(
    'Pasha runs a small shop: orders in SQLite, receipts as files, all on a plain emptyDir. The pod template says',
  )
  narrator.show(annotationOf(cluster.manifest))
  narrator.say(`and nothing else. The manifest goes through the webhook at ${cluster.webhook.url}.`)
  await narrator.step(
    'kubectl apply -f shop.yaml',
    'pod ready, with the sidecar "holdfast" before the app',
    async () => {
      const pod = await cluster.apply()
      const { initContainers } = pod.spec.spec
      return `pod ready, with the sidecar "${initContainers[0]?.name}" before the app`
    },
  )
  await narrator.step(
    '12 orders come in',
    'shop 1.4: 12 orders, 1179.76 €, 12 receipts, books agree',
    async () => {
      await placeOrders(cluster.pod, 12)
      return describe(await summaryOf(cluster.pod))
    },
  )
  await narrator.step(
    'all of it is in the repository',
    'a complete version: the database and 12 receipts',
    async () => {
      const version = await cluster.version(({ counts }) => counts.files >= 13)
      return `${version.complete ? 'a complete' : 'a partial'} version: the database and ${version.counts.files - 1} receipts`
    },
  )
}

async function resume(cluster: LocalCluster, narrator: Narrator): Promise<void> {
  narrator.chapter('Continue: the node dies')
  narrator.say(
    'No warning, no last flush: every process of the pod is killed and its volume is gone.',
  )
  narrator.say(
    'The new pod waits until the old one can be writing no more (its grace period), then goes on.',
  )
  const before = describe(await summaryOf(cluster.pod))
  await narrator.step('the pod is killed, its volume wiped, a new one starts', before, async () => {
    const lost = cluster.pod
    await lost.kill()
    return describe(await summaryOf(await cluster.successorOf(lost)))
  })
}

/** Returns the number of the tagged version, made just before the bad release. */
async function release(cluster: LocalCluster, narrator: Narrator): Promise<number> {
  narrator.chapter('Return: a bad release')
  let good = 0
  await narrator.step(
    'kubectl annotate pod … holdfast.dev/backup=before-1.5',
    'a version tagged before-1.5',
    async () => {
      cluster.pod.patchMetadata({ annotations: { [KEY.backup]: 'before-1.5' } })
      const version = await cluster.version(({ tag }) => tag !== null)
      good = version.n
      return `a version tagged ${version.tag}`
    },
  )
  narrator.say('shop:1.5 is rolled out. Its migration divides by 100 once too often.')
  await narrator.step(
    'kubectl set image deploy/shop shop=shop:1.5',
    'shop 1.5: 12 orders, 11.68 €, 12 receipts, BOOKS DISAGREE',
    async () => {
      await cluster.apply(setImage('shop:1.5'))
      return describe(await summaryOf(cluster.pod))
    },
  )
  await narrator.step('customers go on ordering', 'shop 1.5: 14 orders', async () => {
    await placeOrders(cluster.pod, 2)
    const { version, count } = await summaryOf(cluster.pod)
    await cluster.version(({ counts }) => counts.files >= 15)
    return `shop ${version}: ${count} orders`
  })
  return good
}

async function comeBack(cluster: LocalCluster, narrator: Narrator, good: number): Promise<void> {
  narrator.say(
    'One label on the template brings the image and the state back. The template still says shop:1.5.',
  )
  narrator.show(`metadata:\n  labels:\n    ${KEY.restore}: v${good}`)
  await narrator.step(
    `the label ${KEY.restore}=v${good}`,
    'image shop:1.4; shop 1.4: 12 orders, 1179.76 €, 12 receipts, books agree',
    async () => {
      const pod = await cluster.apply(pin(`v${good}`))
      return `image ${pod.spec.spec.containers[0]?.image}; ${describe(await summaryOf(pod))}`
    },
  )
  narrator.say('The webhook told whoever applied it:')
  narrator.show(cluster.warnings.at(-1) ?? 'nothing')
}

async function keepGoing(cluster: LocalCluster, narrator: Narrator): Promise<void> {
  narrator.chapter('A restore is a branch, not a startup action')
  narrator.say(
    'The label stays for weeks. A pinned pod that is deleted must not lose what was written since.',
  )
  await narrator.step(
    '3 more orders, then kubectl delete pod',
    'shop 1.4: 15 orders, 15 receipts, books agree',
    async () => {
      await placeOrders(cluster.pod, 3)
      const old = cluster.pod
      void old.delete()
      const { version, count, receipts, consistent } = await summaryOf(
        await cluster.successorOf(old),
      )
      return `shop ${version}: ${count} orders, ${receipts} receipts, ${consistent ? 'books agree' : 'BOOKS DISAGREE'}`
    },
  )
}

async function undo(cluster: LocalCluster, narrator: Narrator): Promise<void> {
  narrator.chapter('Nothing is ever thrown away: the restore is undone')
  const restore = await cluster.restoreRecord()
  const wayBack = restore?.left.head?.version ?? 0
  narrator.say(`The restore wrote down its way back: v${wayBack}, with what 1.5 had taken in.`)
  await narrator.step(
    `the label ${KEY.restore}=v${wayBack}`,
    'image shop:1.5; shop 1.5: 14 orders, BOOKS DISAGREE',
    async () => {
      const pod = await cluster.apply(pin(`v${wayBack}`))
      const { version, count, consistent } = await summaryOf(pod)
      return `image ${pod.spec.spec.containers[0]?.image}; shop ${version}: ${count} orders, ${consistent ? 'books agree' : 'BOOKS DISAGREE'}`
    },
  )
  narrator.say('The whole story, as `holdfast versions` shows it:')
  narrator.show(await cluster.holdfast('versions', '--stream', 'shop/shop/0'))
  await narrator.step(
    'holdfast verify: every byte of every version is read and hashed again',
    'verified',
    async () => {
      await cluster.holdfast('verify')
      return 'verified'
    },
  )
}

function setImage(image: string) {
  return ({ containers }: TemplateParts) => {
    for (const container of containers) if (container.name === 'shop') container.image = image
  }
}

function pin(version: string) {
  return ({ labels }: TemplateParts) => {
    labels[KEY.restore] = version
  }
}

/** The annotation as it stands in the manifest. */
function annotationOf(manifest: string): string {
  const lines = manifest.split('\n')
  const at = lines.findIndex((line) => line.includes(KEY.state))
  const indent = lines[at]?.search(/\S/) ?? 0
  const end = lines.findIndex((line, i) => i > at && line.search(/\S/) <= indent)
  return lines
    .slice(at, end)
    .map((line) => line.slice(indent))
    .join('\n')
}
