/** Writes manifests/schema/*.schema.json anew: node test/shared/declaration/regenerate-json-schemas.ts */
import { writeFile } from 'node:fs/promises'
import { jsonSchemas } from './json-schemas.ts'

for (const [file, text] of await jsonSchemas()) await writeFile(file, text)
