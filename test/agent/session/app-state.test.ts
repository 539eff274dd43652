import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DirtyNames } from '../../../agent/capture/dirty-names.ts'
import type { Dirty, Hints } from '../../../agent/capture/directory-watcher.ts'
import { AppState } from '../../../agent/session/app-state.ts'
import type { Picture } from '../../../agent/session/app-state.ts'
import { TempVolume, laterClock } from '../capture/temp-volume.ts'

let volume: TempVolume
let state: AppState
let marks: DirtyNames
beforeEach(() => {
  volume = new TempVolume()
  mkdirSync(volume.dir)
  marks = new DirtyNames()
  state = new AppState(volume.layout, laterClock)
  state.watch(hintsOf(marks))
})
afterEach(() => volume.remove())

function hintsOf(from: DirtyNames): Hints {
  return {
    reliable: true,
    watches: 0,
    onHint: () => undefined,
    cover: () => undefined,
    uncover: () => undefined,
    take: (): Dirty | 'all' => from.take(),
    close: () => Promise.resolve(),
  }
}

function write(name: string, text: string): void {
  writeFileSync(volume.at(name), text)
  marks.mark(volume.dir, name)
}

async function take(): Promise<Picture> {
  const picture = await state.take(volume.held, volume.writer())
  if (picture === undefined) throw new Error(state.whyNot)
  return picture
}

/** As a commit does. */
function apply(picture: Picture): void {
  volume.held.advance(picture.changed, picture.gone, picture.faults)
  picture.applied()
}

const namesIn = ({ changed }: Picture) => [...changed.keys()].filter((name) => name !== '0')

it('after the first picture only what is hinted at is looked at', async () => {
  write('a', 'one')
  apply(await take())
  const before = state.surveyedAllMs
  write('b', 'two')
  writeFileSync(volume.at('unhinted'), 'three')
  const picture = await take()
  expect(namesIn(picture)).toEqual(['0/b'])
  apply(picture)
  expect(state.surveyedAllMs).toBe(before)
})

it('a picture that is not applied is taken again, with all that was hinted at since', async () => {
  write('a', 'one')
  apply(await take())
  write('b', 'two')
  expect(namesIn(await take())).toEqual(['0/b'])
  write('c', 'three')
  const again = await take()
  expect(namesIn(again).toSorted()).toEqual(['0/b', '0/c'])
  apply(again)
  expect(namesIn(await take())).toEqual([])
})

it('the first picture of another held version is one of the whole, and so is one after hints are not trusted', async () => {
  write('a', 'one')
  apply(await take())
  writeFileSync(volume.at('unhinted'), 'two')
  expect(namesIn(await take())).toEqual([])
  state.distrustHints()
  const picture = await take()
  expect(namesIn(picture)).toEqual(['0/unhinted'])
  apply(picture)
  volume.held = new TempVolume({ sameAs: volume }).held
  expect(namesIn(await take()).toSorted()).toEqual(['0/a', '0/unhinted'])
})

it('a file that a hint names is read again, whatever its times say, also where the whole is surveyed', async () => {
  write('a', 'one')
  write('b', 'two')
  apply(await take())
  marks.mark(volume.dir, 'a')
  expect([...(await take()).refreshed.keys()]).toEqual(['0/a'])
  state.distrustHints()
  const picture = await take()
  expect([...picture.refreshed.keys()]).toEqual(['0/a'])
  apply(picture)
  expect([...(await take()).refreshed.keys()]).toEqual([])
})
