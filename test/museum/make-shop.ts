/** The shop of a piece: pods that follow each other, and each other's lines. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { PodOptions } from '../support/agent-pod.ts'
import { AgentPod, freePort } from '../support/agent-pod.ts'
import type { AgentProcess } from '../support/agent-process.ts'
import { versionsOf } from './piece.ts'
import { makeTree, noise, prose } from './tree.ts'
import { folder, run, ship, store, url } from './workshop.ts'

const REWRITER = path.join(import.meta.dirname, '../agent/capture/rewrite.ts')

/** To be ended with the making, also where that fails. */
export const pods: AgentPod[] = []

/** A pod of the shop, on volumes that outlive it. */
async function shopPod(volumes: string, options: Partial<PodOptions> = {}): Promise<AgentPod> {
  const pod = new AgentPod(folder(`pod-${await freePort()}`), await freePort(), {
    store: url,
    volume: folder(`${volumes}/data`),
    paths: [
      { path: '/data', at: '/data', as: 'auto', exclude: ['cache/'] },
      { path: '/plain', at: '/plain', as: 'files', exclude: [] },
      { path: '/ledger/ledger.db', at: '/ledger/ledger.db', as: 'sqlite', exclude: [] },
    ],
    volumes: ['/data', '/plain', '/ledger'].map((at) => ({
      at,
      sizeLimitBytes: null,
      memory: false,
    })),
    keep: { allMs: 86_400_000, hourly: 48, daily: 14, weekly: 8 },
    withinMs: 1000,
    ...options,
  })
  for (const name of ['plain', 'ledger'])
    fs.symlinkSync(folder(`${volumes}/${name}`), path.join(pod.root, name))
  pods.push(pod)
  return pod
}

async function shipped(agent: AgentProcess, change: () => void): Promise<void> {
  const { lastVersion } = await agent.health()
  change()
  await agent.until('another version, and no lag', async () => {
    const health = await agent.health()
    return health.lastVersion > lastVersion && health.lagSeconds === 0
  })
}

function makeLedger(file: string): DatabaseSync {
  const ledger = new DatabaseSync(file)
  ledger.exec('PRAGMA journal_mode = wal; CREATE TABLE entries (id INTEGER PRIMARY KEY, text TEXT)')
  const insert = ledger.prepare('INSERT INTO entries (text) VALUES (?)')
  ledger.exec('BEGIN')
  for (let i = 0; i < 60; i += 1) insert.run(prose(`entry ${i}`, 3900).toString())
  ledger.exec('COMMIT')
  return ledger
}

/** Three writers, a restore with all that goes before it, a branch, and versions that are partial for every reason. */
export async function makeShop(): Promise<void> {
  const volumes = folder('first')
  const first = await shopPod('first')
  makeTree(first.data)
  first.write('cache/left out', 'never seen')
  const library = new DatabaseSync(path.join(first.data, 'library.db'))
  library.exec("CREATE TABLE books (title TEXT); INSERT INTO books VALUES ('Moby-Dick')")
  fs.writeFileSync(path.join(volumes, 'plain/plain'), 'as it lies there')
  const ledger = makeLedger(path.join(volumes, 'ledger/ledger.db'))
  const update = (id: number, text: string) =>
    ledger.prepare('UPDATE entries SET text = ? WHERE id = ?').run(prose(text, 3900).toString(), id)
  const one = first.start()
  await one.ready()
  await one.until('the first version', async () => (await one.health()).lastVersion > 0)
  await shipped(one, () => {
    first.write('deep/er/text', 'changed')
    update(20, 'the first change')
  })
  first.annotate({
    'holdfast.dev/injected': first.assignment.injected,
    'holdfast.dev/backup': 'before-upgrade',
  })
  await one.logged('the backup', ({ tag }) => tag === 'before-upgrade')
  await shipped(one, () => {
    first.write('noise', noise('another', 3000))
    fs.renameSync(path.join(first.data, 'owned'), path.join(first.data, 'renamed'))
    update(40, 'the second change')
    library.exec("INSERT INTO books VALUES ('Typee')")
  })
  first.write('last words', 'shipped while it stops')
  await one.stop()
  ledger.close()
  library.close()

  first.write('unsaved', 'nobody was there to ship this')
  const second = await shopPod('first', { pin: 'before-upgrade', restoreRequest: 'r1' })
  const two = second.start()
  await two.ready()
  await shipped(two, () => second.write('after the restore', 'another lineage'))

  const third = await shopPod('second')
  const three = third.start()
  await three.ready()
  second.write('what it still had', 'beside the main line')
  await two.until('its branch', async () => (await two.health()).line === 'superseded')
  await two.until('it is shipped', async () => (await two.health()).lagSeconds === 0)
  await two.kill()
  await shipped(three, () => third.write('closed', 'open yet'))
  await three.stop()

  const fourth = await shopPod('second', { bound: true })
  const four = fourth.start()
  await four.ready()
  await shipped(four, () => fs.chmodSync(path.join(fourth.data, 'closed'), 0))
  fourth.write('restless', Buffer.alloc(3_000_000))
  const writer = fork(REWRITER, [path.join(fourth.data, 'restless')])
  await once(writer, 'message')
  await four.until('a version with an unstable file', async () =>
    (await versionsOf(store, 'market/shop/0')).some(({ faults }) => faults.unstable > 0),
  )
  writer.kill('SIGKILL')
  await once(writer, 'exit')
  await four.stop()
}

/** Another request, and then the first one again: it was fulfilled, so its lineage is taken up, and the other one left. */
export async function makeReturn(): Promise<void> {
  for (const options of [{ pin: 'v3' }, { pin: 'before-upgrade', restoreRequest: 'r1' }]) {
    const agent = (await shopPod('first', options)).start()
    await agent.ready()
    await agent.stop()
  }
}

export async function makeSecondSlot(): Promise<void> {
  const at = folder('slot-1')
  fs.writeFileSync(path.join(at, 'orders'), 'one')
  const about = ['--image', 'shop=registry.example/shop:1.4', '--keep', 'all=1h,daily=3']
  await ship('market/shop/1', at, ...about, '--tag', 'before-upgrade')
  fs.writeFileSync(path.join(at, 'orders'), 'two')
  await ship('market/shop/1', at, ...about)
  await run(
    [0],
    'verify',
    '--store',
    url,
    '--stream',
    'market/shop/1',
    '--sample',
    '50%',
    '--seed',
    '7',
  )
}
