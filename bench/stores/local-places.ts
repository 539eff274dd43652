import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { filesBelow } from '../corpora/tree.ts'
import type { Places } from './place.ts'

export function localPlaces(scratch: string): Places {
  const folder = path.join(scratch, `repositories-${randomUUID()}`)
  return {
    async create() {
      const repository = path.join(folder, randomUUID())
      await mkdir(repository, { recursive: true })
      return {
        holdfastUrl: `file://${repository}`,
        resticUrl: repository,
        environment: {},
        storedBytes: async () =>
          filesBelow(repository).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        requests: async () => undefined,
      }
    },
    close: () => rm(folder, { recursive: true, force: true }),
  }
}
