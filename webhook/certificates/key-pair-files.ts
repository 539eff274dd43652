/** The server's key pair: read from files, read again when they change; and made here for the demo and tests. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { UsageError } from '../../shared/errors.ts'
import { belongTogether, type KeyPair } from './key-pair.ts'

export interface KeyPairFiles {
  readonly certificateFile: string
  readonly keyFile: string
  readonly authoritiesFile?: string | undefined
}

/** Throws a `UsageError` where a file is missing, is no PEM, or the two do not belong together. */
export async function readKeyPair(files: KeyPairFiles): Promise<KeyPair> {
  const certificate = await readText(files.certificateFile)
  const key = await readText(files.keyFile)
  if (!areOnePair(certificate, key, files))
    throw new UsageError(
      `the key in "${files.keyFile}" is not that of the certificate in "${files.certificateFile}"; give both of one pair`,
    )
  if (files.authoritiesFile === undefined) return { certificate, key }
  return { certificate, key, authorities: await readAuthorities(files.authoritiesFile) }
}

export interface KeyPairWatch {
  readonly files: KeyPairFiles
  /** What is in use; only another pair is reported. */
  readonly current: KeyPair | undefined
  readonly intervalMs: number
  readonly onChange: (pair: KeyPair) => void
  /** The files do not read (for the moment): the pair in use stays. */
  readonly onError: (error: unknown) => void
}

/**
 * Looks at the files again and again: a mounted Secret is swapped by a symbolic link, which watchers of files miss.
 * Answers a function that ends it.
 */
export function watchKeyPair(watch: KeyPairWatch): () => void {
  let { current } = watch
  let isReading = false
  const look = async (): Promise<void> => {
    if (isReading) return
    isReading = true
    try {
      const pair = await readKeyPair(watch.files)
      if (current !== undefined && isSame(pair, current)) return
      current = pair
      watch.onChange(pair)
    } catch (error) {
      watch.onError(error)
    } finally {
      isReading = false
    }
  }
  const timer = setInterval(() => void look(), watch.intervalMs)
  timer.unref()
  return () => clearInterval(timer)
}

function isSame(one: KeyPair, other: KeyPair): boolean {
  return (
    one.certificate === other.certificate &&
    one.key === other.key &&
    one.authorities === other.authorities
  )
}

async function readAuthorities(file: string): Promise<string> {
  const text = await readText(file)
  try {
    void new X509Certificate(text)
    return text
  } catch (cause) {
    throw new UsageError(`"${file}" is no PEM of a certificate`, { cause })
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new UsageError(`"${file}" cannot be read (${code}); give a PEM file`, { cause })
  }
}

function areOnePair(certificate: string, key: string, files: KeyPairFiles): boolean {
  try {
    return belongTogether(certificate, key)
  } catch (cause) {
    throw new UsageError(
      `"${files.certificateFile}" or "${files.keyFile}" is no PEM of a certificate and its key`,
      { cause },
    )
  }
}
