import type { Container, Probe } from './pod-spec.ts'

export interface ProbeResult {
  ok: boolean
  /** For people: what the command printed, or what HTTP answered. */
  output: string
}

/** Runs a command in the container; it is killed when the signal comes. */
export type ExecInContainer = (argv: string[], signal: AbortSignal) => Promise<ProbeResult>

/** One try of a probe. Never throws; a try that takes longer than timeoutSeconds has failed. */
export async function runProbe(
  probe: Probe,
  exec: ExecInContainer,
  urlOf: (port: number | string) => string,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const timeout = AbortSignal.timeout(probe.timeoutSeconds * 1000)
  const either = AbortSignal.any([signal, timeout])
  const result =
    'exec' in probe
      ? await exec(probe.exec.command, either)
      : await get(urlOf(probe.httpGet.port) + probe.httpGet.path, either)
  if (!timeout.aborted) return result
  const said = result.output === '' ? '' : `${result.output} `
  return { ok: false, output: `${said}(no end within ${probe.timeoutSeconds} s)` }
}

async function get(url: string, signal: AbortSignal): Promise<ProbeResult> {
  try {
    const { status, body } = await fetch(url, { signal, redirect: 'manual' })
    await body?.cancel()
    return { ok: status >= 200 && status < 400, output: `GET ${url}: ${status}` }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return { ok: false, output: `GET ${url}: ${signal.aborted ? 'no answer' : String(cause)}` }
  }
}

/** A probe names a port by number or by the name that the container gives it. */
export function probePort({ ports }: Container, port: number | string): number {
  if (typeof port === 'number') return port
  return ports.find(({ name }) => name === port)?.containerPort ?? Number(port)
}
