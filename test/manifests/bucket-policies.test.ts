/**
 * The policies of manifests/bucket-policies in a real policy engine (Ceph's): what each program needs it may do, and
 * nothing else. What Ceph cannot enforce is here, too.
 */
import {
  CreateBucketCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { systemClock } from '../../shared/clock.ts'
import { AccessDeniedError, type ObjectStore } from '../../shared/object-store/object-store.ts'
import { openStore } from '../../shared/object-store/open-store.ts'
import { parsePin } from '../../shared/pin.ts'
import { resolvePin } from '../../shared/repository/resolve-pin.ts'
import { VersionLog } from '../../shared/repository/version-log.ts'
import { holdfastHere } from '../cli/command.ts'
import { createCephUser, type CephUser } from '../support/ceph-user.ts'
import { s3Environment } from '../support/s3-url.ts'
import { SessionAgent } from '../support/session-agent.ts'
import { MANIFESTS } from './chart.ts'

/** That of the session agents. */
const NAMESPACE = 'market'
const STREAM = `v1/streams/${NAMESPACE}/shop/0`
/** Objects that are no records of a log. */
const SCRATCH = `v1/streams/${NAMESPACE}/scratch/0`
const OTHERS = 'v1/streams/other/shop/0'
const body = Buffer.from('content')

let folder: string
let bucket: string
let owner: S3Client
const users: CephUser[] = []
const [AGENT, OTHER, SERVICE, PRUNE] = [0, 1, 2, 3]

beforeAll(async () => {
  Object.assign(process.env, s3Environment())
  folder = mkdtempSync(join(tmpdir(), 'holdfast-policies-'))
  bucket = `policies-${randomUUID()}`
  owner = client(inject('ceph'))
  await owner.send(new CreateBucketCommand({ Bucket: bucket }))
  for (let i = 0; i < 4; i += 1) users.push(await createCephUser(inject('ceph')))
  await setPolicy(everybody())
})

afterEach(() => {
  vi.unstubAllEnvs()
})

afterAll(() => {
  owner.destroy()
  rmSync(folder, { recursive: true, force: true })
})

function client(credentials: { accessKeyId: string; secretAccessKey: string }): S3Client {
  const { accessKeyId, secretAccessKey } = credentials
  return new S3Client({
    endpoint: inject('ceph').endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
  })
}

/** As docs/credentials.md says to fill them in. */
function statements(file: string, user: number, namespace = ''): object[] {
  const text = readFileSync(join(MANIFESTS, 'bucket-policies', `${file}.json`), 'utf8')
    .replaceAll('BUCKET', bucket)
    .replaceAll('PREFIX/', 'prod/')
    .replaceAll('NAMESPACE', namespace)
    .replaceAll('PRINCIPAL', users[user]?.arn ?? '')
  return (JSON.parse(text) as { Statement: object[] }).Statement
}

function everybody(): object[] {
  return [
    ...statements('agent', AGENT, NAMESPACE),
    ...statements('agent', OTHER, 'other'),
    ...statements('service', SERVICE),
    ...statements('prune', PRUNE),
  ]
}

async function setPolicy(all: readonly object[]): Promise<void> {
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: all })
  await owner.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }))
}

/** From here on this process is that user. */
function become(user: number): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', users[user]?.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', users[user]?.secretAccessKey)
}

async function storeOf(user: number): Promise<ObjectStore> {
  become(user)
  const store = await openStore(`s3://${bucket}/prod`)
  // The SDK takes the credentials with the first request; refused or not is all the same.
  await store.list('v1/keys/').catch(() => undefined)
  return store
}

async function ran(agent: SessionAgent): Promise<void> {
  const settled = () => agent.facts.ready || agent.failure !== undefined
  await vi.waitFor(() => expect(settled()).toBe(true), { timeout: 60_000 })
  expect(agent.failure).toBeUndefined()
}

const denied = (doing: Promise<unknown>) => expect(doing).rejects.toThrow(AccessDeniedError)

describe('an agent', () => {
  it('ships, tags and restores with no more rights than to create and read', async () => {
    const dir = join(folder, 'volume')
    mkdirSync(dir)
    writeFileSync(join(dir, 'order'), 'one pen')
    const store = await storeOf(AGENT)
    const first = new SessionAgent({ dir, store, clock: systemClock })
    await ran(first)
    expect(await first.backup('before-upgrade')).toBeGreaterThan(0)
    writeFileSync(join(dir, 'order'), 'a thousand pens')
    first.hint()
    await first.stop()
    const pinned = new SessionAgent({ dir, store, clock: systemClock, pin: 'before-upgrade' })
    await ran(pinned)
    expect(readFileSync(join(dir, 'order'), 'utf8')).toBe('one pen')
    await pinned.stop()
  })

  it('is told of what is not there that it is not there', async () => {
    const store = await storeOf(AGENT)
    expect(await store.get(`${STREAM}/versions/none`)).toBeUndefined()
    expect(await store.list(`v1/keys/${NAMESPACE}/`)).toEqual([])
  })

  it('can neither read, list nor write what is another namespace’s', async () => {
    const others = await storeOf(OTHER)
    const key = `${OTHERS}/versions/${randomUUID()}`
    expect(await others.create(key, body)).toBe('created')
    const store = await storeOf(AGENT)
    await denied(store.get(key))
    await denied(store.get(`${OTHERS}/versions/none`))
    await denied(store.list(`${OTHERS}/`))
    await denied(store.folders('v1/streams/'))
    await denied(store.list(''))
    await denied(store.create(`${OTHERS}/versions/mine`, body))
    await denied(store.create('v1/keys/other/mine', body))
    await denied(store.get('v1/keys/other/any'))
    // Nor by a namespace whose name begins as its own.
    await denied(store.list(`v1/streams/${NAMESPACE}-two/`))
    await denied(store.create(`v1/streams/${NAMESPACE}-two/shop/0/versions/mine`, body))
    const plain = client(users[AGENT] as CephUser)
    await expect(plain.send(new ListObjectsV2Command({ Bucket: bucket }))).rejects.toThrow()
    plain.destroy()
  })

  it('can remove nothing, and plan no removal', async () => {
    const store = await storeOf(AGENT)
    const key = `${SCRATCH}/versions/${randomUUID()}`
    expect(await store.create(key, body)).toBe('created')
    await denied(store.delete(key))
    for (const part of ['prune', 'holds', 'moved', 'clock', 'verdicts', 'damaged'])
      await denied(store.create(`${STREAM}/${part}/x`, body))
    await denied(store.create(`v1/keys/${NAMESPACE}/x`, body))
  })
})

describe('the service', () => {
  it('resolves pins of every namespace', async () => {
    const store = await storeOf(SERVICE)
    const stream = { namespace: NAMESPACE, app: 'shop', slot: '0' }
    const log = new VersionLog(store, stream, { clock: systemClock, giveUpAfterMs: 0 })
    const tagged = await resolvePin(store, log, parsePin('before-upgrade'))
    expect(tagged).toBeGreaterThan(0)
    expect(await resolvePin(store, log, parsePin(`v${tagged}`))).toBe(tagged)
    expect(await resolvePin(store, log, parsePin('latest'))).toBeGreaterThan(0)
    await expect(resolvePin(store, log, parsePin('nonesuch'))).rejects.toThrow('nonesuch')
    await expect(resolvePin(store, log, parsePin('v123456'))).rejects.toThrow('v123456')
  })

  it('reads no packs, and writes and removes nothing', async () => {
    const store = await storeOf(SERVICE)
    const pack = `${SCRATCH}/packs/${randomUUID()}`
    expect(await (await storeOf(AGENT)).create(pack, body)).toBe('created')
    await denied(store.get(pack))
    for (const key of [`${STREAM}/versions/x`, `${STREAM}/tags/x`, 'v1/keys/market/x'])
      await denied(store.create(key, body))
    const [version] = await store.list(`${STREAM}/versions/`, { limit: 1 })
    await denied(store.delete(version?.key ?? ''))
  })
})

async function succeeds(...words: string[]): Promise<void> {
  const { code, stderr } = await holdfastHere(...words)
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
}

describe('a person with the credentials of a namespace', () => {
  it('lists what is there of one stream, and is told of one that is not there', async () => {
    become(AGENT)
    const of = (app: string) => [
      '--store',
      `s3://${bucket}/prod`,
      '--stream',
      `${NAMESPACE}/${app}/0`,
    ]
    await succeeds('versions', ...of('shop'))
    const { code, stderr } = await holdfastHere('versions', ...of('shoq'))
    expect(code).toBe(10)
    expect(stderr).toContain(
      `has no stream ${NAMESPACE}/shoq/0; these credentials may not list which others there are`,
    )
  })
})

describe('prune', () => {
  it('holds, verifies and prunes, and adds no version', async () => {
    const source = join(folder, 'source')
    mkdirSync(source)
    writeFileSync(join(source, 'file'), 'content')
    const store = ['--store', `s3://${bucket}/prod`]
    const stream = [...store, '--stream', `${NAMESPACE}/kept/0`]
    become(AGENT)
    await succeeds('replicate', ...stream, '--path', source, '--once')
    become(PRUNE)
    await succeeds('hold', 'add', 'v2', ...stream)
    await succeeds('verify', ...stream)
    await succeeds('hold', 'remove', 'v2', ...stream)
    await succeeds('prune', `${NAMESPACE}/kept/0`, ...store)
    writeFileSync(join(source, 'file'), 'changed')
    const { code } = await holdfastHere('replicate', ...stream, '--path', source, '--once')
    expect(code).toBe(1)
  })
})

describe('that a writer replaces nothing', () => {
  const key = `${SCRATCH}/versions/${randomUUID()}`
  const put = async (condition: { IfNoneMatch?: '*' }) => {
    const plain = client(users[AGENT] as CephUser)
    try {
      await plain.send(
        new PutObjectCommand({ Bucket: bucket, Key: `prod/${key}`, Body: 'x', ...condition }),
      )
      return 'written'
    } catch (error) {
      return (error as { $metadata: { httpStatusCode: number } }).$metadata.httpStatusCode
    } finally {
      plain.destroy()
    }
  }

  it('is not held by the rights to create and read alone', async () => {
    expect(await put({ IfNoneMatch: '*' })).toBe('written')
    expect(await put({ IfNoneMatch: '*' })).toBe(412)
    expect(await put({})).toBe('written')
  })

  it('is enforced by create-only, and where its condition is unknown (Ceph) nothing at all is written', async () => {
    await setPolicy([...everybody(), ...statements('create-only', AGENT)])
    expect(await put({})).toBe(403)
    // 412 where the server knows s3:if-none-match.
    expect([403, 412]).toContain(await put({ IfNoneMatch: '*' }))
    await setPolicy(everybody())
  })
})
