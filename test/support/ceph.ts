/**
 * A throw-away one-node Ceph with an S3 gateway on loopback, ready in a second or two.
 * By hand: `node test/support/ceph.ts` prints the environment to use it by and stays until a signal ends it.
 */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { randomUUID } from 'node:crypto'
import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cephConf } from './ceph-conf.ts'
import { ensureCephInstalled } from './ceph-packages.ts'
import { accepts, askDaemon, end, run, startDaemon, waitFor } from './ceph-process.ts'

/** How a test reaches the store. Plain data: it crosses to vitest's workers. */
export interface CephAccess {
  readonly endpoint: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Its configuration: what `radosgw-admin` needs to make further users. */
  readonly conf: string
}

export interface Ceph {
  readonly access: CephAccess
  /** Ends its own three processes and removes its directory. */
  readonly stop: () => Promise<void>
}

/** The environment by which the AWS SDK finds this store, and no other. */
export function awsEnvironment(access: CephAccess): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_S3: access.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: access.accessKeyId,
    AWS_SECRET_ACCESS_KEY: access.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
  }
}

/** Starts one, with an empty bucket. Throws one sentence when it cannot. */
export async function startCeph(): Promise<Ceph> {
  ensureCephInstalled()
  removeLeftOvers()
  const dir = await mkdtemp(join(tmpdir(), `ceph-${process.pid}-`))
  const daemons: ChildProcess[] = []
  const stop = async () => {
    await Promise.all(daemons.map((daemon) => end(daemon, 500)))
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    return { access: await boot(dir, daemons), stop }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const problem = `cannot start a Ceph in ${dir}: ${reason}${lastWords(dir)}`
    await stop()
    throw new Error(problem, { cause: error })
  }
}

async function boot(dir: string, daemons: ChildProcess[]): Promise<CephAccess> {
  const [s3Port, monPort] = await freePorts()
  const fsid = randomUUID()
  const osdId = randomUUID()
  const conf = join(dir, 'ceph.conf')
  const daemon = (program: string, ...args: string[]) => {
    const child = startDaemon(dir, program, ['-c', conf, ...args, '-f'])
    daemons.push(child)
    return child
  }
  await Promise.all(['mon', 'osd', 'rgw'].map((name) => mkdir(join(dir, name))))
  await writeFile(conf, cephConf({ dir, s3Port, monPort, fsid }))

  const monmap = join(dir, 'monmap')
  const monAddress = `[v2:127.0.0.1:${monPort}]`
  await run(dir, 'monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', monAddress, monmap])
  await run(dir, 'ceph-mon', ['-c', conf, '-i', 'a', '--mkfs', '--monmap', monmap])
  daemon('ceph-mon', '-i', 'a')
  await Promise.all([
    run(dir, 'ceph', ['-c', conf, 'osd', 'new', osdId]),
    run(dir, 'ceph-osd', ['-c', conf, '-i', '0', '--mkfs', '--osd-uuid', osdId, '--no-mon-config']),
  ])
  const osd = daemon('ceph-osd', '-i', '0')
  // Pools that are asked for before the OSD is up would wait for a slow tick of the monitor.
  await waitFor('the OSD is up', osd, async () => {
    const status = await askDaemon(join(dir, 'osd.0.asok'), 'status')
    return (status as { state?: string } | undefined)?.state === 'active'
  })

  const keys = { accessKeyId: `AK${randomUUID()}`, secretAccessKey: randomUUID() }
  const user = ['--uid=test', '--display-name=test']
  const userKeys = [`--access-key=${keys.accessKeyId}`, `--secret-key=${keys.secretAccessKey}`]
  await run(dir, 'radosgw-admin', ['-c', conf, 'user', 'create', ...user, ...userKeys])
  const gateway = daemon('radosgw', '-n', 'client.rgw')
  await waitFor('the S3 gateway listens', gateway, () => accepts(s3Port))
  const access = { endpoint: `http://127.0.0.1:${s3Port}`, bucket: 'holdfast-test', ...keys, conf }
  await createBucket(access)
  return access
}

async function createBucket({
  endpoint,
  bucket,
  accessKeyId,
  secretAccessKey,
}: CephAccess): Promise<void> {
  const region = 'us-east-1'
  const credentials = { accessKeyId, secretAccessKey }
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  client.destroy()
}

/** Removes the directories of runs that were killed; their daemons ended with them. */
function removeLeftOvers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^ceph-(\d+)-\w{6}$/.exec(name)?.[1]
    if (pid === undefined || isRunning(Number(pid))) continue
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
    } catch {
      // Another user's: theirs to remove.
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Two ports that nobody uses at this moment. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) =>
          server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
        ),
    ),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports as [number, number]
}

/** The last line of every log, for a start that failed. */
function lastWords(dir: string): string {
  const logs = readdirSync(dir).filter((name) => /\.(out|log)$/.test(name))
  const lines = logs.map((name) => {
    const last = readFileSync(join(dir, name), 'utf8').trimEnd().split('\n').at(-1)
    return last === undefined || last === '' ? '' : `\n  ${name}: ${last}`
  })
  return lines.join('')
}

async function main(): Promise<void> {
  const ceph = await startCeph()
  for (const [name, value] of Object.entries(awsEnvironment(ceph.access)))
    console.log(`export ${name}=${value}`)
  console.log(`# s3://${ceph.access.bucket} is an empty bucket; all is gone when this process ends`)
  const alive = setInterval(() => undefined, 60_000)
  await new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, resolve)
  })
  clearInterval(alive)
  await ceph.stop()
}

if (import.meta.main) await main()
