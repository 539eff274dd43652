/** The service's own certificates: made, trusted, renewed for eleven years; whatever ends in between, nobody is turned away. */
import { describe, expect, it } from 'vitest'
import { certificatesIn } from '../../../webhook/certificates/kept-certificates.ts'
import { runSeed, SeededRandom } from '../../support/seeded-random.ts'
import { CertificateWorld } from './certificate-world.ts'

const MINUTE_MS = 60_000
/** The authority is due two thirds into its ten years. */
const AUTHORITY_DUE_DAYS = 2440

async function installed(seed = 1): Promise<CertificateWorld> {
  const world = new CertificateWorld(new SeededRandom(seed))
  world.startReplica('one')
  world.startReplica('two')
  world.startLeader()
  await world.time.until(() => world.isReady(), MINUTE_MS)
  await world.time.pass(MINUTE_MS)
  return world
}

function trustedBy(world: CertificateWorld): string[] {
  const all = world.configurations.flatMap(({ byWebhook }) => [...byWebhook.values()])
  return [...new Set(all)]
}

describe('the first certificate', () => {
  it('is there within seconds, trusted by every webhook', async () => {
    const world = new CertificateWorld(new SeededRandom(1))
    world.startReplica('one')
    world.startReplica('two')
    await world.time.pass(MINUTE_MS)
    expect(world.isReady()).toBe(false)
    world.startLeader()
    expect(await world.time.until(() => world.isReady(), MINUTE_MS)).toBeLessThan(6000)
    expect(world.steps).toEqual(['new authority', 'trust', 'new certificate'])
    expect(trustedBy(world)).toEqual([world.replicas[0]?.pair?.authorities])
    await world.time.pass(MINUTE_MS)
    expect(world.steps).toHaveLength(3)
    expect(world.errors).toEqual([])
  })

  it('is made by one of two who lead at once', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const world = new CertificateWorld(new SeededRandom(seed))
      world.startReplica('one')
      world.startLeader()
      world.startLeader()
      await world.time.until(() => world.isReady(), MINUTE_MS)
      await world.time.pass(2 * MINUTE_MS)
      expect(certificatesIn(world.secret?.data['ca.crt'] ?? '')).toHaveLength(1)
      expect(trustedBy(world)).toEqual([world.replicas[0]?.pair?.authorities])
      expect([...world.lost], `seed ${seed}`).toEqual([])
    }
  })
})

describe('a certificate', () => {
  it('is renewed after 60 of its 90 days, by the same authority', async () => {
    const world = await installed()
    const before = world.replicas.map(({ pair }) => pair)
    world.skip(59)
    await world.time.pass(MINUTE_MS)
    expect(world.replicas.map(({ pair }) => pair)).toEqual(before)
    world.skip(2)
    await world.time.pass(MINUTE_MS)
    for (const [index, { pair }] of world.replicas.entries()) {
      expect(pair?.certificate).not.toBe(before[index]?.certificate)
      expect(pair?.authorities).toBe(before[index]?.authorities)
    }
    expect([...world.lost]).toEqual([])
  })

  it('is renewed for eleven years, authorities too, with each API server and each agent served throughout', async () => {
    const random = new SeededRandom(runSeed('eleven years of certificates'))
    const world = new CertificateWorld(random)
    const replicas = [world.startReplica('one'), world.startReplica('two')]
    world.startLeader()
    await world.time.until(() => world.isReady(), MINUTE_MS)
    for (let day = 0; day < 11 * 365; day += 10) {
      if (random.below(20) === 0) world.startAgent()
      // A replica that reaches no API server for three weeks serves what it has.
      for (const replica of replicas) replica.isCut = !replica.isCut && random.below(8) === 0
      world.skip(10)
      // Long enough for all that falls due; a replica that was cut off reads again within it.
      await world.time.pass(40_000 + random.below(10_000))
    }
    expect([...world.lost]).toEqual([])
    expect(world.steps.filter((step) => step === 'new authority').length).toBe(2)
    expect(world.steps.filter((step) => step === 'forget authorities').length).toBe(1)
    expect(world.steps.filter((step) => step === 'new certificate').length).toBeGreaterThan(55)
    expect(world.errors).toEqual([])
  })
})

describe('a change of authority', () => {
  it('is heard of by the API servers before anything new is served', async () => {
    const world = await installed()
    world.startAgent()
    // Nobody led for years: everything is due at once, and what is served is over.
    world.skip(AUTHORITY_DUE_DAYS)
    await world.time.until(() => world.steps.at(-1) === 'trust', MINUTE_MS)
    const took = await world.time.until(() => world.steps.at(-1) === 'new certificate', MINUTE_MS)
    expect(took).toBeGreaterThanOrEqual(30_000)
    await world.time.pass(MINUTE_MS)
    world.lost.clear()
    world.look()
    expect([...world.lost]).toEqual([])
    expect(certificatesIn(trustedBy(world)[0] ?? '')).toHaveLength(2)
  })

  it('loses nobody where the leader ends at any write, before it or after', async () => {
    for (let writes = 1; writes <= 4; writes += 1)
      for (const isDone of [false, true]) {
        const world = new CertificateWorld(new SeededRandom(writes))
        world.startReplica('one')
        world.startReplica('two')
        const first = world.startLeader()
        await world.time.until(() => world.isReady(), MINUTE_MS)
        world.startAgent()
        // Step by step, so that the certificate is renewed until the authority is due.
        for (let day = 0; day < AUTHORITY_DUE_DAYS - 20; day += 20) {
          world.skip(20)
          await world.time.pass(15_000)
        }
        world.crash = { writes, isDone }
        for (let day = 0; day < 120 && !first.signal.aborted; day += 10) {
          world.skip(10)
          await world.time.pass(2 * MINUTE_MS)
        }
        expect(first.signal.aborted).toBe(true)
        world.startLeader()
        await world.time.pass(5 * MINUTE_MS)
        expect([...world.lost], `write ${writes}, done: ${isDone}`).toEqual([])
        expect(certificatesIn(trustedBy(world)[0] ?? '')).toHaveLength(2)
        expect(trustedBy(world)).toEqual([world.secret?.data['ca.crt']])
        expect(certificatesIn(world.replicas[0]?.pair?.certificate ?? '')).toHaveLength(2)
      }
  })
})

describe('what somebody takes away', () => {
  it('a caBundle is put back within seconds', async () => {
    const world = await installed()
    for (const configuration of world.configurations) world.setBundle(configuration, '')
    const isWhole = () => trustedBy(world).every((pem) => pem !== '')
    expect(await world.time.until(isWhole, MINUTE_MS)).toBeLessThan(6000)
    await world.time.pass(MINUTE_MS)
    expect(world.steps.at(-1)).toBe('trust')
  })

  it('the Secret is made anew: what the replicas serve is trusted on, and replaced without a gap', async () => {
    const world = await installed()
    const [before] = trustedBy(world)
    world.secret = undefined
    await world.time.pass(2 * MINUTE_MS)
    const [after] = trustedBy(world)
    expect(certificatesIn(after ?? '')).toHaveLength(2)
    expect(after).toContain(before)
    expect(world.replicas[0]?.pair?.authorities).toBe(after)
    expect([...world.lost]).toEqual([])
  })

  it('a Secret of something else is replaced by ours, whatever it holds', async () => {
    const world = await installed()
    for (const key of ['ca.crt', 'ca.key', 'tls.crt', 'tls.key', 'ca-by-previous.crt'])
      for (const text of ['', 'x', '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n']) {
        const data = { ...world.secret?.data, [key]: text }
        world.secret = { data, resourceVersion: `${key} ${text}` }
        await world.time.pass(2 * MINUTE_MS)
        expect(world.secret.resourceVersion === `${key} ${text}`).toBe(key === 'ca-by-previous.crt')
      }
    expect(world.isReady()).toBe(true)
    expect([...world.lost]).toEqual([])
    expect(world.errors).toEqual([])
  })
})
