import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { releaseAtRest } from '../../../agent/capture/release-memory.ts'

const MIB = 1024 * 1024

/** Something large that nobody holds any more. */
function leftBehind(): WeakRef<Buffer> {
  return new WeakRef(Buffer.alloc(16 * MIB))
}

test('what was left behind since the last rest goes, each time', async () => {
  for (let times = 0; times < 3; times += 1) {
    const left = leftBehind()
    // Within the turn in which it was made, a weak reference keeps what it points to.
    await sleep(1)
    releaseAtRest()
    expect(left.deref()).toBeUndefined()
  }
})
