/** Watches whether a Service has its pod: each change with the time at which it was told. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { toolPath } from '../../support/cluster-tools.ts'
import type { Named } from './workloads.ts'

export interface EndpointWatch {
  /** Ends the watch. Returns for how long the pod was missing, in milliseconds; 0: never. */
  end(): Promise<number>
}

/** A process of its own takes the times: this one is busy now and then. */
const STAMP = 'while read -r ready; do echo "$(date +%s%3N) $ready"; done'

/** Resolves when the pod is there, which it has to be. */
export async function watchEndpoint({ namespace, name }: Named): Promise<EndpointWatch> {
  const slices = ['-n', namespace, 'get', 'endpointslices', '--watch']
  const ofService = ['-l', `kubernetes.io/service-name=${name}`]
  const ready = ['-o', 'jsonpath={.endpoints[*].conditions.ready}{"\\n"}']
  const words = [toolPath('kubectl'), ...slices, ...ofService, ...ready]
  const child = spawn('sh', ['-c', `exec "$@" | ${STAMP}`, 'watch', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  let told = ''
  child.stdout.on('data', (part: Buffer) => {
    told += part.toString()
  })
  while (!told.includes(' true')) await once(child.stdout, 'data')
  return {
    async end() {
      const closed = once(child, 'close')
      // The shell, and with it what it began.
      process.kill(-(child.pid ?? 0), 'SIGTERM')
      await closed
      return missing(told)
    },
  }
}

function missing(told: string): number {
  let since: number | undefined
  let total = 0
  for (const line of told.trim().split('\n')) {
    const [at = '', ready = ''] = line.split(' ')
    if (ready === 'true') {
      total += since === undefined ? 0 : Number(at) - since
      since = undefined
    } else since ??= Number(at)
  }
  return since === undefined ? total : Number.POSITIVE_INFINITY
}
