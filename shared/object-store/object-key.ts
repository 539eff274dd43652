import { StoreRefusedError } from './object-store.ts'

/** S3's own limit, with the store's prefix. */
const MAX_KEY_BYTES = 1024

/**
 * A part of a key, between slashes: printable ASCII, so that the order of bytes and of characters is one;
 * no dot in front, so that no part leads out of the store and a directory may hide its own files.
 */
const KEY_PART = /^[!-\-0-~][!-.0-~]*$/

const ALLOWED =
  'a key is parts of printable ASCII without spaces, joined by "/", none empty or beginning with "."'

export function isKey(text: string): boolean {
  return text.length <= MAX_KEY_BYTES && text.split('/').every((part) => KEY_PART.test(part))
}

/** Throws a `StoreRefusedError` for what is no key. */
export function checkKey(key: string): void {
  if (!isKey(key))
    throw new StoreRefusedError(
      `${quote(key)} is no key: ${ALLOWED}, ${MAX_KEY_BYTES} bytes at most`,
    )
}

/** What a listing may ask for: nothing, or the beginning of a key. Throws a `StoreRefusedError` for anything else. */
export function checkPrefix(prefix: string): void {
  if (prefix !== '' && !isKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix))
    throw new StoreRefusedError(`${quote(prefix)} begins no key: ${ALLOWED}`)
}

/** As `checkPrefix`, for a folder: nothing, or the beginning of a key up to a slash. */
export function checkFolder(prefix: string): void {
  checkPrefix(prefix)
  if (prefix !== '' && !prefix.endsWith('/'))
    throw new StoreRefusedError(`${quote(prefix)} is no folder: it has to end in "/"`)
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
}
