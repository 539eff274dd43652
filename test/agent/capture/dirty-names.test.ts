import { expect, it } from 'vitest'
import { DirtyNames } from '../../../agent/capture/dirty-names.ts'

function known(): DirtyNames {
  const dirty = new DirtyNames()
  dirty.take()
  return dirty
}

it('holds everything until the first look, then what is marked, each time anew', () => {
  const dirty = new DirtyNames()
  expect([dirty.isEverything, dirty.isEmpty]).toEqual([true, false])
  dirty.mark('/a', 'one')
  expect(dirty.take()).toBe('all')
  expect(dirty.isEmpty).toBe(true)
  for (const name of ['one', 'two', 'one']) dirty.mark('/a', name)
  dirty.mark('/b', 'one')
  dirty.markAll('/b')
  dirty.mark('/b', 'two')
  expect(dirty.take()).toEqual(
    new Map<string, unknown>([
      ['/a', new Set(['one', 'two'])],
      ['/b', 'all'],
    ]),
  )
  expect(dirty.take()).toEqual(new Map())
})

it('takes a directory for changed as a whole from its 513th name', () => {
  const dirty = known()
  for (let i = 0; i < 512; i += 1) dirty.mark('/a', `f${i}`)
  expect(dirty.take()).toEqual(new Map([['/a', expect.objectContaining({ size: 512 })]]))
  for (let i = 0; i < 513; i += 1) dirty.mark('/a', `f${i}`)
  expect(dirty.take()).toEqual(new Map([['/a', 'all']]))
})

it('takes everything for changed from the 4097th directory', () => {
  const dirty = known()
  for (let i = 0; i < 4096; i += 1) dirty.mark(`/d${i}`, 'file')
  expect(dirty.isEverything).toBe(false)
  dirty.markAll('/last')
  expect(dirty.take()).toBe('all')
  expect(dirty.take()).toEqual(new Map())
})

it('takes everything for changed from the 16,385th name, wherever they lie', () => {
  const dirty = known()
  for (let i = 0; i < 16_384; i += 1) dirty.mark(`/d${i % 100}`, `f${i}`)
  expect(dirty.isEverything).toBe(false)
  dirty.mark('/last', 'file')
  expect(dirty.take()).toBe('all')
})
