/** restic with its defaults, and with its cache, as its users run it. */
import path from 'node:path'
import type { Bench } from '../bench.ts'
import type { BackupProgram } from './backup-program.ts'
import type { Place } from '../stores/place.ts'

export function restic({ processes, restic: program, scratch }: Bench): BackupProgram {
  const run = ({ resticUrl, environment }: Place, ...words: string[]) =>
    processes.run([program, '--repo', resticUrl, ...words], {
      ...environment,
      RESTIC_PASSWORD: 'bench',
      RESTIC_CACHE_DIR: path.join(scratch, 'restic-cache'),
    })
  return {
    side: 'restic',
    async prepare(place) {
      await run(place, 'init')
    },
    backup: (place, folder) => run(place, 'backup', folder),
    restore: (place, folder, target) =>
      run(place, 'restore', `latest:${folder}`, '--target', target),
  }
}
