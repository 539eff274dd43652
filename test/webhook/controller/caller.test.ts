import { expect, it } from 'vitest'
import { rememberCallers } from '../../../webhook/controller/caller.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const POD = { namespace: 'shop', name: 'shop-0', uid: 'uid-0' }

it('a token is reviewed once in two minutes; one that is refused, or cannot be reviewed, each time', async () => {
  const clock = new ManualClock()
  const asked: string[] = []
  const callerOf = rememberCallers(async (token) => {
    asked.push(token)
    if (token === 'unknown') throw new Error('no answer')
    return token === 'good' ? POD : undefined
  }, clock)
  expect(await Promise.all([callerOf('good'), callerOf('good')])).toEqual([POD, POD])
  clock.advance(119_000)
  expect(await callerOf('good')).toEqual(POD)
  expect(asked).toEqual(['good'])
  clock.advance(2_000)
  expect(await callerOf('good')).toEqual(POD)
  for (let look = 0; look < 2; look += 1) {
    expect(await callerOf('bad')).toBeUndefined()
    await expect(callerOf('unknown')).rejects.toThrow('no answer')
  }
  expect(asked).toEqual(['good', 'good', 'bad', 'unknown', 'bad', 'unknown'])
})
