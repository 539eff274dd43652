import fs from 'node:fs'
import path from 'node:path'
import { type BackOff, type BackOffLimits, nextBackOff } from './back-off.ts'
import { type Changes, pause } from './changes.ts'
import { GroupProcess } from './group-process.ts'
import type { Report } from './pod-event.ts'
import type { Container, Probe } from './pod-spec.ts'
import { type ProbeRun, probePauseMs, probeStep, type Verdict } from './probe-schedule.ts'
import type { ProcessGuard } from './process-guard.ts'
import type { ProcessPlan } from './process-plan.ts'
import { type ProbeResult, runProbe } from './run-probe.ts'

/** The kubelet keeps this much of a probe's output. */
const OUTPUT_LIMIT_BYTES = 10 * 1024

export interface ContainerHost {
  /** Of the main process, or of a command that runs beside it. Asked anew at each start. */
  plan(command?: string[]): ProcessPlan
  urlOf: (port: number | string) => string
  report: Report
  changes: Changes
  guard: ProcessGuard
  backOff: BackOffLimits
  logFile: string
  graceMs: number
}

/** One container through all its restarts. */
export class LocalContainer {
  readonly spec: Container
  /** Its startupProbe passed in this run; without one, it runs. */
  started = false
  ready = false
  restarts = 0
  /** What the last probe said: the reason why a pod is held. */
  lastProbeOutput = ''
  readonly #host: ContainerHost
  readonly #execs = new Set<GroupProcess>()
  #main: GroupProcess | undefined

  constructor(spec: Container, host: ContainerHost) {
    this.spec = spec
    this.#host = host
    fs.mkdirSync(path.dirname(host.logFile), { recursive: true })
  }

  get running(): boolean {
    return this.#main !== undefined
  }

  get pid(): number | undefined {
    return this.#main?.pid
  }

  /**
   * Runs it, again and again with back-off, until `stopping`; with `once`, until it ends well.
   * `turn` is awaited before each start: the pod's leave.
   */
  async supervise(stopping: AbortSignal, turn: () => Promise<unknown>, once = false) {
    let backOff: BackOff | undefined
    while (!stopping.aborted) {
      await turn()
      if (stopping.aborted) return
      const ok = await this.#runOnce(stopping)
      if (stopping.aborted || (once && ok)) return
      backOff = nextBackOff(backOff, performance.now(), this.#host.backOff)
      this.restarts += 1
      this.#report('back-off', `restart ${this.restarts} in ${backOff.delayMs} ms`)
      await pause(backOff.delayMs, stopping)
    }
  }

  async #runOnce(stopping: AbortSignal): Promise<boolean> {
    const log = fs.openSync(this.#host.logFile, 'a')
    const main = new GroupProcess(this.#host.plan(), log, this.#host.guard)
    fs.closeSync(log)
    this.#main = main
    this.#report('container-started', `pid ${main.pid ?? 'none'}`)
    const over = new AbortController()
    const probes = this.#probe(over.signal, AbortSignal.any([over.signal, stopping]))
    const { ok, how } = await main.ended
    over.abort()
    for (const exec of this.#execs) exec.killGroup()
    this.#main = undefined
    this.started = false
    this.#setReady(false)
    this.#report('container-ended', how)
    await probes
    return ok
  }

  /** The startupProbe first; only then the readinessProbe, as long as the run lasts. */
  async #probe(over: AbortSignal, overOrStopping: AbortSignal): Promise<void> {
    const { startupProbe, readinessProbe } = this.spec
    if (startupProbe) {
      const verdict = await this.#repeat('startup', startupProbe, overOrStopping, (v) => v)
      if (verdict === 'failed') return this.terminate(this.#host.graceMs)
      if (verdict !== 'passed') return
      this.#report('startup-passed', this.lastProbeOutput)
    }
    if (over.aborted) return
    this.started = true
    this.#host.changes.announce()
    if (!readinessProbe) return this.#setReady(true)
    await this.#repeat('readiness', readinessProbe, over, (verdict) => {
      if (verdict !== 'undecided') this.#setReady(verdict === 'passed')
      return 'undecided'
    })
  }

  /** Tries until `judge` makes a decision of the verdict, or the signal comes. */
  async #repeat(
    name: string,
    probe: Probe,
    signal: AbortSignal,
    judge: (verdict: Verdict) => Verdict,
  ): Promise<Verdict> {
    const exec = (argv: string[], until: AbortSignal) => this.exec(argv, until)
    let run: ProbeRun | undefined
    await pause(probe.initialDelaySeconds * 1000, signal)
    while (!signal.aborted) {
      const began = performance.now()
      const result = await runProbe(probe, exec, this.#host.urlOf, signal)
      if (signal.aborted) break
      this.lastProbeOutput = result.output
      if (!result.ok) this.#report('probe-failed', `${name} probe failed: ${result.output}`)
      const step = probeStep(probe, run, result.ok)
      run = step.run
      const decision = judge(step.verdict)
      if (decision !== 'undecided') return decision
      await pause(probePauseMs(probe, performance.now() - began), signal)
    }
    return 'undecided'
  }

  /** Runs a command beside the main process; it ends with it, at the latest. */
  async exec(argv: string[], signal: AbortSignal): Promise<ProbeResult> {
    if (!this.running || signal.aborted)
      return { ok: false, output: 'the container is not running' }
    const file = `${this.#host.logFile}.exec-${crypto.randomUUID()}`
    const output = fs.openSync(file, 'w+')
    fs.unlinkSync(file)
    const process = new GroupProcess(this.#host.plan(argv), output, this.#host.guard)
    const kill = () => process.killGroup()
    this.#execs.add(process)
    signal.addEventListener('abort', kill)
    const { ok, how } = await process.ended
    signal.removeEventListener('abort', kill)
    this.#execs.delete(process)
    const said = Buffer.alloc(OUTPUT_LIMIT_BYTES)
    const length = fs.readSync(output, said, 0, OUTPUT_LIMIT_BYTES, 0)
    fs.closeSync(output)
    return { ok, output: said.toString('utf8', 0, length).trim() || (ok ? '' : how) }
  }

  async preStop(argv: string[], limitMs: number): Promise<void> {
    this.#report('pre-stop-started', argv.join(' '))
    const { ok, output } = await this.exec(argv, AbortSignal.timeout(limitMs))
    this.#report('pre-stop-ended', ok ? output : `failed: ${output}`)
  }

  /** SIGTERM, and SIGKILL to all that lives after `windowMs`. Returns when it has ended. */
  async terminate(windowMs: number): Promise<void> {
    const main = this.#main
    if (!main) return
    this.#report('sigterm', `SIGKILL in ${Math.round(windowMs)} ms`)
    main.terminate()
    const timer = setTimeout(() => {
      this.#report('sigkill', `still alive ${Math.round(windowMs)} ms after SIGTERM`)
      main.killGroup()
    }, windowMs)
    await main.ended
    clearTimeout(timer)
  }

  /** SIGKILL to the main process and all that it started. */
  crash(): void {
    this.#main?.killGroup()
  }

  #setReady(ready: boolean): void {
    if (this.ready === ready) return
    this.ready = ready
    this.#report(
      ready ? 'ready' : 'not-ready',
      this.spec.readinessProbe ? this.lastProbeOutput : '',
    )
  }

  #report(...[what, detail]: [Parameters<Report>[0], string]): void {
    this.#host.report(what, detail, this.spec.name)
    this.#host.changes.announce()
  }
}
