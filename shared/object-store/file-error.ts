import {
  AccessDeniedError,
  StoreRefusedError,
  UnreachableError,
  type StoreError,
} from './object-store.ts'

/** What the system calls of a directory may say, what it means, and what to do. */
const REFUSALS: Record<string, string> = {
  ENOSPC: 'the disk is full: free some space or choose another directory',
  EDQUOT: 'the disk quota is used up: raise it or choose another directory',
  EROFS: 'the file system is read-only: mount it writable or choose another directory',
  EFBIG: 'the object is larger than this file system or process limit allows',
  ENOTDIR: 'a file stands where a folder has to be: move it away or choose another directory',
  EISDIR: 'a folder stands where an object has to be: choose another directory',
  EEXIST: 'a file stands where a folder has to be: move it away or choose another directory',
  ELOOP: 'its symbolic links lead in a circle: choose another directory',
  ENAMETOOLONG:
    'the name is longer than this file system allows: choose a shorter directory or name',
  EXDEV: 'a part of it is another file system: the whole store has to lie on one',
}

/** What may mend itself: a network file system that is away, or a machine that has run out for the moment. */
const TRANSIENT = new Set(
  'EIO ESTALE ETIMEDOUT EHOSTDOWN EHOSTUNREACH ENOTCONN EBUSY EAGAIN EINTR EMFILE ENFILE ENOMEM ENOENT'.split(
    ' ',
  ),
)

/**
 * Names what a system call refused, by its code alone.
 * `doing` begins the sentence, as in `create file:///backup/a`.
 */
export function toFileStoreError(error: unknown, doing: string): StoreError {
  const { code = 'no code', syscall = '' } = error as NodeJS.ErrnoException
  const options = { cause: error }
  const what = `cannot ${doing} (${code})`
  if (syscall === 'link' && NO_HARD_LINKS.has(code))
    return new StoreRefusedError(
      `${what}: the file system has no hard links, without which nothing can be created exactly once: choose a directory on ext4, xfs or NFS`,
      options,
    )
  if (code === 'EACCES' || code === 'EPERM')
    return new AccessDeniedError(
      `${what}: user ${process.getuid?.() ?? 'of this process'} may not: give it read and write access to the directory`,
      options,
    )
  if (TRANSIENT.has(code))
    return new UnreachableError(
      `${what}: the file system does not answer in order; try again`,
      options,
    )
  const refusal = REFUSALS[code] ?? 'the file system refuses it'
  return new StoreRefusedError(`${what}: ${refusal}`, options)
}

const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

export function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
