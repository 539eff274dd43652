import * as fc from 'fast-check'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { UsageError } from '../../../shared/errors.ts'
import { openStore } from '../../../shared/object-store/open-store.ts'
import { parseStoreUrl } from '../../../shared/object-store/store-url.ts'

beforeEach(() => {
  vi.stubEnv('AWS_ENDPOINT_URL_S3', 'http://127.0.0.1:1')
  return () => vi.unstubAllEnvs()
})

test.each([
  ['s3://backups', { kind: 's3', bucket: 'backups', prefix: '' }],
  ['s3://backups/', { kind: 's3', bucket: 'backups', prefix: '' }],
  ['s3://my.backups-2/holdfast', { kind: 's3', bucket: 'my.backups-2', prefix: 'holdfast/' }],
  ['s3://backups/a/.b/c%20d/', { kind: 's3', bucket: 'backups', prefix: 'a/.b/c%20d/' }],
  ['file:///var/lib/holdfast', { kind: 'file', directory: '/var/lib/holdfast' }],
  ['file:///var/lib/holdfast/', { kind: 'file', directory: '/var/lib/holdfast' }],
  ['file:///', { kind: 'file', directory: '/' }],
  ['file:///with%20space/@home/%23', { kind: 'file', directory: '/with space/@home/#' }],
])('%s is a store', (url, location) => {
  expect(parseStoreUrl(url)).toEqual(location)
})

test('a store calls itself by the URL that was opened', async () => {
  for (const url of ['s3://backups', 's3://backups/a/b', 'file:///var/x', 'file:///a%20b'])
    expect((await openStore(url)).url).toBe(url)
})

describe('a URL of no store is one sentence that says what is allowed', () => {
  test.each([
    ['', 'is empty'],
    [' ', 'is no URL'],
    ['backups', 'did you mean file:///'],
    ['/var/lib/holdfast', 'did you mean file:///var/lib/holdfast?'],
    ['./here', 'did you mean file:///'],
    ['//bucket/x', 'is no URL'],
    ['s3:', 'is no URL of a store'],
    ['s3:backups', 'is no URL of a store'],
    ['s3:/backups', 'is no URL of a store'],
    ['s3://', 'names no bucket'],
    ['s3:///prefix', 'names no bucket'],
    ['s3://Backups', 'names no bucket'],
    ['s3://ab', 'names no bucket'],
    ['s3://a..b', 'names no bucket'],
    ['s3://bucket:9000/x', 'names no bucket'],
    ['s3://bucket?region=x', 'names no bucket'],
    ['s3://bucket/../other', 'has a prefix that cannot be'],
    ['s3://bucket/a//b', 'has a prefix that cannot be'],
    ['s3://bucket/a b', 'has a prefix that cannot be'],
    ['s3://bucket/ä', 'has a prefix that cannot be'],
    ['s3://bucket/a?b', 'has a prefix that cannot be'],
    ['s3://bucket/a#b', 'has a prefix that cannot be'],
    [`s3://bucket/${'x'.repeat(300)}`, 'has a prefix that cannot be'],
    ['S3://bucket', 'is no URL of a store'],
    ['http://bucket.s3.amazonaws.com/x', 'is no URL of a store'],
    ['gs://bucket', 'is no URL of a store'],
    ['file:', 'names a host or no absolute directory'],
    ['file://', 'names a host or no absolute directory'],
    ['file:relative', 'names a host or no absolute directory'],
    ['file://host/dir', 'names a host or no absolute directory'],
    ['file:///a?b', 'has a query'],
    ['file:///a#b', 'has a query'],
    ['file:///a%00b', 'stands for no byte'],
    ['file:///a%2Fb', 'stands for no byte'],
    ['file:///a%zz', 'stands for no byte'],
  ])('%j', async (url, problem) => {
    const error = await openStore(url).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(UsageError)
    const { message } = error as UsageError
    expect(message).toContain(problem)
    expect(message).toContain('s3://BUCKET')
    expect(message).not.toContain('\n')
  })
})

test.each([
  's3://AKIAID:s3cr3t@bucket/prefix',
  's3://AKIAID:s3c/r3t@bucket',
  'https://AKIAID:s3cr3t@s3.example.com/bucket',
  'AKIAID:s3cr3t@bucket',
  'file://AKIAID:s3cr3t@host/dir',
  ' s3://AKIAID:s3cr3t@bucket',
])('credentials in a URL are refused and not repeated', async (url) => {
  const opening = openStore(url)
  await expect(opening).rejects.toThrow(UsageError)
  await expect(opening).rejects.toThrow('never from the URL')
  await expect(opening).rejects.not.toThrow(/s3cr3t|s3c\/|AKIAID/)
})

test('the signature of a signed URL is not repeated', async () => {
  const opening = openStore('https://bucket.s3.amazonaws.com/x?X-Amz-Signature=s3cr3t')
  await expect(opening).rejects.toThrow(UsageError)
  await expect(opening).rejects.not.toThrow('s3cr3t')
})

test.each(['nonsense', 'ftp://127.0.0.1', 'http://AKIAID:s3cr3t@127.0.0.1'])(
  'an endpoint that is no URL of a store is a UsageError: %s',
  async (endpoint) => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', endpoint)
    const opening = openStore('s3://bucket')
    await expect(opening).rejects.toThrow(UsageError)
    await expect(opening).rejects.toThrow('AWS_ENDPOINT_URL_S3')
    await expect(opening).rejects.not.toThrow('s3cr3t')
  },
)

test('without region and endpoint, the sentence says what to set', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL_S3', undefined)
  vi.stubEnv('AWS_ENDPOINT_URL', undefined)
  vi.stubEnv('AWS_REGION', undefined)
  vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent')
  await expect(openStore('s3://bucket')).rejects.toThrow(UsageError)
  await expect(openStore('s3://bucket')).rejects.toThrow('set AWS_REGION')
})

test('any string gives a store or a UsageError', async () => {
  const piece = fc.oneof(
    fc.constantFrom('s3:', 'file:', '//', '/', 'bucket', '..', '.', '%', '%00', '%2F', '@', ':'),
    fc.constantFrom('?', '#', '\0', '\n', ' ', '\\', '\ud800', 'ä', 'a', 'AB', '-', '[', ']'),
    fc.string({ unit: 'binary', maxLength: 8 }),
  )
  const anyText = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
    fc.array(piece, { maxLength: 5 }).map((pieces) => `s3://bucket/${pieces.join('')}`),
    fc.array(piece, { maxLength: 5 }).map((pieces) => `file:///${pieces.join('')}`),
  )
  let stores = 0
  await fc.assert(
    fc.asyncProperty(anyText, async (text) => {
      try {
        const store = await openStore(text)
        expect(store.url).toMatch(/^(s3|file):\/\//)
        stores++
      } catch (error) {
        if (!(error instanceof UsageError)) throw error
        expect(error.message).not.toContain('\n')
      }
    }),
    { numRuns: 3000 },
  )
  expect(stores).toBeGreaterThan(0)
})
