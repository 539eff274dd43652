import type { Case } from '../bench.ts'
import { admission } from './admission-case.ts'
import { database, incompressible, manyFiles, memory } from './backup-cases.ts'
import { burst, changedRows, oneChange } from './change-cases.ts'
import { atRest, start } from './rest-cases.ts'

export const CASES: readonly Case[] = [
  manyFiles,
  incompressible,
  database,
  changedRows,
  oneChange,
  burst,
  atRest,
  memory,
  start,
  admission,
]
