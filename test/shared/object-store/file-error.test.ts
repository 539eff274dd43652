import { expect, test } from 'vitest'
import { toFileStoreError } from '../../../shared/object-store/file-error.ts'
import {
  AccessDeniedError,
  StoreRefusedError,
  UnreachableError,
} from '../../../shared/object-store/object-store.ts'

test.each([
  ['ENOSPC', 'write', StoreRefusedError, 'the disk is full'],
  ['EDQUOT', 'write', StoreRefusedError, 'quota'],
  ['EROFS', 'mkdir', StoreRefusedError, 'read-only'],
  ['ENOTDIR', 'open', StoreRefusedError, 'a file stands where a folder has to be'],
  ['ENAMETOOLONG', 'open', StoreRefusedError, 'longer than this file system allows'],
  ['EPERM', 'link', StoreRefusedError, 'no hard links'],
  ['ENOTSUP', 'link', StoreRefusedError, 'no hard links'],
  ['EXDEV', 'link', StoreRefusedError, 'another file system'],
  ['EINVAL', 'fsync', StoreRefusedError, 'refuses'],
  ['EPERM', 'open', AccessDeniedError, 'may not'],
  ['EACCES', 'mkdir', AccessDeniedError, 'may not'],
  ['EIO', 'fsync', UnreachableError, 'try again'],
  ['ESTALE', 'open', UnreachableError, 'try again'],
  ['EMFILE', 'open', UnreachableError, 'try again'],
])('%s of %s is told apart', (code, syscall, errorClass, meaning) => {
  const cause = Object.assign(new Error('as the system says it'), { code, syscall })
  const error = toFileStoreError(cause, 'create file:///backup/a')
  expect(error).toBeInstanceOf(errorClass)
  expect(error.message).toMatch(new RegExp(`^cannot create file:///backup/a \\(${code}\\): `))
  expect(error.message).toContain(meaning)
  expect(error.cause).toBe(cause)
})
