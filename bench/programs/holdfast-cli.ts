/** The command `holdfast`: `replicate --once` and `restore`. */
import { NODE_ENVIRONMENT } from '../../manifests/image/node-environment.ts'
import type { Bench } from '../bench.ts'
import type { BackupProgram } from './backup-program.ts'

const STREAM = ['--stream', 'bench/app/0']

export function holdfastCli({ processes, holdfast }: Bench): BackupProgram {
  const command = [process.execPath, holdfast.cli]
  return {
    side: 'holdfast',
    prepare: async () => undefined,
    backup: ({ holdfastUrl, environment }, folder) =>
      processes.run(
        [...command, 'replicate', '--store', holdfastUrl, ...STREAM, '--path', folder, '--once'],
        { ...NODE_ENVIRONMENT, ...environment },
      ),
    restore: ({ holdfastUrl, environment }, _, target) =>
      processes.run([...command, 'restore', '--store', holdfastUrl, ...STREAM, '--to', target], {
        ...NODE_ENVIRONMENT,
        ...environment,
      }),
  }
}
