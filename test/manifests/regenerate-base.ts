/** Writes manifests/base anew from the chart: node test/manifests/regenerate-base.ts. Read what changed before committing it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BASE, renderBase } from './chart.ts'

rmSync(BASE, { recursive: true, force: true })
mkdirSync(BASE)
for (const [name, text] of renderBase()) writeFileSync(join(BASE, name), text)
