import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { jsonSchemas } from './json-schemas.ts'

it('the published JSON Schemas are those that the code reads by', async () => {
  for (const [file, text] of await jsonSchemas())
    expect(await readFile(file, 'utf8'), `${file}: run regenerate-json-schemas.ts`).toBe(text)
})
