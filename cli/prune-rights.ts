/** A store that refuses names the right that prune lacks. */
import type { ObjectStore } from '../shared/object-store/object-store.ts'
import { AccessDeniedError } from '../shared/object-store/object-store.ts'

export function namingRights(store: ObjectStore): ObjectStore {
  return {
    url: store.url,
    create: (key, body) =>
      naming('the right to create objects (s3:PutObject)', () => store.create(key, body)),
    get: (key, range) =>
      naming('the right to read objects (s3:GetObject)', () => store.get(key, range)),
    list: (prefix, options) =>
      naming('the right to list objects (s3:ListBucket)', () => store.list(prefix, options)),
    folders: (prefix) =>
      naming('the right to list objects (s3:ListBucket)', () => store.folders(prefix)),
    delete: (key) =>
      naming('the right to remove objects (s3:DeleteObject)', () => store.delete(key)),
  }
}

async function naming<T>(right: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation()
  } catch (error) {
    if (!(error instanceof AccessDeniedError)) throw error
    throw new AccessDeniedError(
      `this needs ${right}, and was refused: ${error.message}; prune and hold remove run on credentials of their own, not on an agent's`,
      { cause: error },
    )
  }
}
