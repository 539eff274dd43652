import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Mark } from '../../../agent/volume/mark.ts'
import { VolumeError, readMark, removeMark, writeMark } from '../../../agent/volume/mark.ts'

const MARK: Mark = {
  format: 1,
  stream: 'shop/shop/0',
  writer: 'w1',
  open: 1,
  lineage: 'L0',
  request: null,
  dirty: false,
  settled: true,
  pod: { uid: 'u', boot: 'b' },
}

let volume: string
beforeEach(() => {
  volume = mkdtempSync(path.join(tmpdir(), 'mark-'))
})
afterEach(() => rmSync(volume, { recursive: true }))

it('is read as it was written, and is one file', () => {
  expect(readMark(volume)).toBeUndefined()
  writeMark(volume, MARK)
  writeMark(volume, { ...MARK, dirty: true, request: 'v3/again' })
  expect(readMark(volume)).toEqual({ ...MARK, dirty: true, request: 'v3/again' })
  expect(readdirSync(volume)).toEqual(['.holdfast'])
  removeMark(volume)
  expect(readMark(volume)).toBeUndefined()
})

it.each([
  ['no JSON', '{'],
  ['nothing', ''],
  ['another format', JSON.stringify({ ...MARK, format: 2 })],
  ['a field less', JSON.stringify({ ...MARK, lineage: undefined })],
])('a file of that name with %s stops with one sentence', (_what, text) => {
  writeFileSync(path.join(volume, '.holdfast'), text)
  expect(() => readMark(volume)).toThrow(VolumeError)
  expect(() => readMark(volume)).toThrow('is no mark of Holdfast; remove it if')
})

it('what is no file of that name is no mark, and holds nobody', () => {
  const mark = path.join(volume, '.holdfast')
  mkdirSync(mark)
  expect(() => readMark(volume)).toThrow(VolumeError)
  rmSync(mark, { recursive: true })
  symlinkSync('/etc/hostname', mark)
  expect(() => readMark(volume)).toThrow(VolumeError)
  rmSync(mark)
  execFileSync('mkfifo', [mark])
  expect(() => readMark(volume)).toThrow(VolumeError)
})

it('replaces what a crash left half written, and never writes through a link', () => {
  const outside = path.join(volume, 'outside')
  writeFileSync(outside, 'mine')
  symlinkSync(outside, path.join(volume, '.holdfast-0000000000000000.tmp'))
  writeMark(volume, MARK)
  expect(readFileSync(outside, 'utf8')).toBe('mine')
  expect(readMark(volume)).toEqual(MARK)
})

it('says of a volume that is not there that it cannot be written', () => {
  expect(() => writeMark(path.join(volume, 'gone'), MARK)).toThrow(VolumeError)
  expect(existsSync(path.join(volume, 'gone'))).toBe(false)
  expect(readMark(path.join(volume, 'gone'))).toBeUndefined()
})
