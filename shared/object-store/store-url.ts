import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { UsageError } from '../errors.ts'

/** A store's URL, taken apart. */
export type StoreLocation =
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'file'; readonly directory: string }

const FORMS = 'allowed are s3://BUCKET, s3://BUCKET/PREFIX and file:///DIRECTORY'
const EXAMPLE = 'for example s3://backups/holdfast or file:///var/lib/holdfast'

/** S3's rule; every store keeps to it. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
/** A part of the prefix: printable ASCII without the characters by which URLs go on. */
const PREFIX_PART = /^(?!\.{1,2}$)[!"$-.0->A-~]+$/
/** So that keys below it stay within S3's 1,024 bytes. */
const MAX_PREFIX_BYTES = 200

/** Reads `s3://bucket/prefix` and `file:///dir`. Throws one `UsageError` for anything else. */
export function parseStoreUrl(text: string): StoreLocation {
  refuseCredentials(text)
  const [, scheme, rest = ''] = /^([a-zA-Z][a-zA-Z0-9+.-]*):(.*)$/s.exec(text) ?? []
  if (scheme === 's3' && rest.startsWith('//')) return parseS3(text, rest.slice(2))
  if (scheme === 'file') return parseFile(text)
  if (scheme === undefined && text !== '') throw fault(text, 'is no URL', suggestion(text))
  throw fault(text, scheme === undefined ? 'is empty' : 'is no URL of a store')
}

function parseS3(text: string, rest: string): StoreLocation {
  const [bucket = '', ...folders] = rest.split('/')
  if (!BUCKET.test(bucket) || bucket.includes('..'))
    throw fault(
      text,
      `names no bucket (${shorten(bucket)}): a bucket's name has 3 to 63 lower-case letters, digits, "-" and "."`,
    )
  if (folders.at(-1) === '') folders.pop()
  const prefix = folders.map((folder) => `${folder}/`).join('')
  if (!folders.every((folder) => PREFIX_PART.test(folder)) || prefix.length > MAX_PREFIX_BYTES)
    throw fault(
      text,
      `has a prefix that cannot be: its parts are printable ASCII without spaces, "#", "?" and "@", none empty, "." or "..", ${MAX_PREFIX_BYTES} bytes in all`,
    )
  return { kind: 's3', bucket, prefix }
}

function parseFile(text: string): StoreLocation {
  if (!text.startsWith('file:///')) throw fault(text, 'names a host or no absolute directory')
  const url = URL.parse(text)
  if (url === null || url.search !== '' || url.hash !== '' || /[?#]/.test(text))
    throw fault(text, 'has a query or fragment: write "?" as %3F and "#" as %23')
  const directory = decodePath(url)
  if (directory === undefined || directory.includes('\0'))
    throw fault(text, 'has a % that stands for no byte of a path')
  // `resolve` takes the slash at the end away.
  return { kind: 'file', directory: resolve(directory) }
}

function decodePath(url: URL): string | undefined {
  try {
    return fileURLToPath(url)
  } catch {
    return undefined
  }
}

/** A secret in a URL ends up in logs: it is refused, and not repeated. */
function refuseCredentials(text: string): void {
  const isFile = /^\s*file:/i.test(text)
  if (isFile ? /^\s*file:\/\/[^/]*@/i.test(text) : /:.*@/s.test(text))
    throw new UsageError(
      `the store's URL holds an "@", as after credentials, and is therefore not repeated here: credentials come from the AWS environment (AWS_ACCESS_KEY_ID, AWS_PROFILE, a role), never from the URL; ${FORMS}; ${EXAMPLE}`,
    )
}

function suggestion(text: string): string {
  return `did you mean ${pathToFileURL(isAbsolute(text) ? text : resolve(text)).href}?`
}

function fault(text: string, problem: string, advice = EXAMPLE): UsageError {
  return new UsageError(`store ${shorten(text)} ${problem}; ${FORMS}; ${advice}`)
}

/** Quoted, without what a signed URL carries behind its "?". */
function shorten(text: string): string {
  const plain = text.replace(/\?.*/s, '?…')
  return JSON.stringify(plain.length > 100 ? `${plain.slice(0, 100)}…` : plain)
}
