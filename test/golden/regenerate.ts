/** Writes every expected.yaml anew: node test/golden/regenerate.ts. Read what changed before committing it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ADMISSION_DIR, answerOf, caseNames } from './admission-case.ts'
import { WORKLOADS_DIR, answersTo, workloadCaseNames } from './workload-case.ts'

for (const name of caseNames())
  writeFileSync(join(ADMISSION_DIR, name, 'expected.yaml'), answerOf(name))
for (const name of workloadCaseNames())
  writeFileSync(join(WORKLOADS_DIR, name, 'expected.yaml'), await answersTo(name))
