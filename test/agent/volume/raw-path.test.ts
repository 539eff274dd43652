import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeName, encodeName, fsPath, printableName } from '../../../agent/volume/raw-path.ts'
import { readNames } from '../../../agent/capture/raw-names.ts'

/** Whole characters, halves of them, and bytes that are in none. */
const bytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.string({ unit: 'grapheme', maxLength: 2 }).map((text) => Buffer.from(text)),
      fc.constantFrom(Buffer.from('c3', 'hex'), Buffer.from('eda080', 'hex'), Buffer.from('�')),
    ),
    { maxLength: 6 },
  )
  .map((parts) => Buffer.concat(parts))

it('any bytes are a name that turns into the same bytes again, by way of JSON too', () => {
  fc.assert(
    fc.property(bytes, (name) => {
      const text = JSON.parse(JSON.stringify(decodeName(name))) as string
      expect(encodeName(text).equals(name)).toBe(true)
      expect(Buffer.from(fsPath(text)).equals(name)).toBe(true)
    }),
    { numRuns: 1000 },
  )
})

it('names that differ in a byte differ as text', () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      expect(decodeName(a) === decodeName(b)).toBe(a.equals(b))
    }),
  )
})

it('shows people what is no text as \\xNN', () => {
  expect(printableName(decodeName(Buffer.from('61ff62c3', 'hex')))).toBe('a\\xffb\\xc3')
  expect(printableName('ein 😀')).toBe('ein 😀')
})

it('lists a directory as the file system has it', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'raw-path-'))
  try {
    const names = ['a', 'é', '�', '\udcff', 'b\udc80', '\n'].toSorted()
    for (const name of names) writeFileSync(fsPath(`${dir}/${name}`), '')
    expect(readNames(dir)).toEqual(names)
    mkdirSync(fsPath(`${dir}/\udc81`))
    expect(readNames(`${dir}/\udc81`)).toEqual([])
  } finally {
    rmSync(dir, { recursive: true })
  }
})
