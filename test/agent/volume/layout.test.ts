import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import {
  displayPath,
  isTemporaryName,
  isWithin,
  layoutOfAssignment,
  layoutOfDirectories,
  locationOf,
  temporaryName,
} from '../../../agent/volume/layout.ts'
import type { Assignment } from '../../../shared/sidecar-contract.ts'

const pod = mkdtempSync(path.join(tmpdir(), 'layout-'))
afterAll(() => rmSync(pod, { recursive: true }))
mkdirSync(path.join(pod, 'volumes/state/db'), { recursive: true })
mkdirSync(path.join(pod, 'volumes/cache'))
mkdirSync(path.join(pod, 'var'))
symlinkSync(path.join(pod, 'volumes/state'), path.join(pod, 'var/lib'))

const volume = (at: string) => ({ at, sizeLimitBytes: null, memory: false })
const assignment = {
  paths: [
    { path: '/var/lib/db', at: '/var/lib/db', as: 'files', exclude: ['*.tmp'] },
    { path: '/other', at: '/other', as: 'files', exclude: [] },
  ],
  volumes: [volume('/var/lib'), volume('/var/lib/db/cache')],
} as unknown as Assignment
const layout = layoutOfAssignment(assignment, pod)
const state = path.join(pod, 'volumes/state')

it('finds a mount point through a link, and nothing else', () => {
  expect(layout.roots.map(({ at }) => at)).toEqual([`${state}/db`, `${pod}/other`])
  expect(layout.volumes.map(({ at }) => at)).toEqual([state, `${pod}/var/lib/db/cache`])
  mkdirSync(path.join(pod, 'elsewhere'))
  symlinkSync(path.join(pod, 'elsewhere'), path.join(state, 'link'))
  const linked = { ...assignment, paths: [{ ...assignment.paths[0], at: '/var/lib/link' }] }
  expect(layoutOfAssignment(linked as Assignment, pod).roots[0]?.at).toBe(`${state}/link`)
})

it('knows where an entry lies, and what people call it', () => {
  expect(locationOf(layout, '0')).toBe(`${state}/db`)
  expect(locationOf(layout, '0/a/b')).toBe(`${state}/db/a/b`)
  expect(() => locationOf(layout, '2/a')).toThrow(RangeError)
  expect(displayPath(layout.roots, '0/a')).toBe('/var/lib/db/a')
  expect(displayPath(layout.roots, '1')).toBe('/other')
  expect(displayPath([], '3/a')).toBe('path 3/a')
})

it('takes a directory of the user as it is, reached through links or not, and puts no mark there', () => {
  const { roots, volumes } = layoutOfDirectories([path.join(pod, 'var/lib/db')], ['*.tmp'])
  expect(roots[0]).toMatchObject({ path: path.join(pod, 'var/lib/db'), at: `${state}/db` })
  expect(roots[0]?.excludes('a.tmp')).toBe(true)
  expect(volumes).toEqual([])
})

it('is not taken in by names that begin alike', () => {
  expect(isWithin('/data', '/data')).toBe(true)
  expect(isWithin('/data/a', '/data')).toBe(true)
  expect(isWithin('/database', '/data')).toBe(false)
  expect(isWithin('/a', '/')).toBe(true)
})

it('knows its own temporary names, and no others', () => {
  expect(isTemporaryName(temporaryName('0123456789abcdef'))).toBe(true)
  for (const name of ['.holdfast', '.holdfast-1.tmp', 'a.holdfast-0123456789abcdef.tmp', 'a.tmp'])
    expect(isTemporaryName(name)).toBe(false)
})
