/** What people and scripts see: answers on stdout, sentences beside them on stderr, progress only where somebody looks. */
import type { WriteStream } from 'node:tty'

type Stream = Pick<WriteStream, 'write' | 'on'> & { isTTY?: boolean; columns?: number }

/** Progress is drawn at most this often. */
const DRAW_MS = 100
const CLEAR_LINE = '\r\u001b[K'

export class Terminal {
  readonly #out: Stream
  readonly #err: Stream
  #broken = false
  #drawnMs = -Infinity
  #lineIsDrawn = false

  constructor(out: Stream, err: Stream) {
    this.#out = out
    this.#err = err
    // A reader that has seen enough (`| head`) is no fault: the rest is dropped, the work goes on to its end.
    out.on('error', () => {
      this.#broken = true
    })
    err.on('error', () => undefined)
  }

  /** A line, or several, of the answer. */
  print(text: string): void {
    this.#clear()
    if (!this.#broken) this.#out.write(`${text}\n`)
  }

  /** A value as a JSON document of its own. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2))
  }

  /** A sentence beside the answer. */
  note(sentence: string): void {
    this.#clear()
    this.#err.write(`${sentence}\n`)
  }

  /** How far it is, in one line that is written over; nothing in a pipe. */
  progress(text: string): void {
    const nowMs = performance.now()
    if (this.#err.isTTY !== true || nowMs - this.#drawnMs < DRAW_MS) return
    this.#drawnMs = nowMs
    this.#lineIsDrawn = true
    this.#err.write(CLEAR_LINE + text.slice(0, (this.#err.columns ?? 80) - 1))
  }

  /** Everything printed has left the process after this, or cannot. */
  async flush(): Promise<void> {
    this.#clear()
    for (const stream of [this.#out, this.#err])
      await new Promise<void>((resolve) => {
        stream.write('', () => {
          resolve()
        })
      })
  }

  #clear(): void {
    if (!this.#lineIsDrawn) return
    this.#lineIsDrawn = false
    this.#err.write(CLEAR_LINE)
  }
}
