import { S3Client } from '@aws-sdk/client-s3'
import { UsageError } from '../errors.ts'
import type { HttpTimeouts } from './http-connection.ts'
import { readIntoRooms } from './room-handler.ts'

/** Where a store's objects lie. */
export interface S3Place {
  readonly client: S3Client
  readonly bucket: string
  /** Empty, or ending in a slash. */
  readonly prefix: string
}

export interface S3Connection {
  readonly client: S3Client
  /** For messages: where requests go, without credentials. */
  readonly endpoint: string
}

/**
 * A client as the AWS environment configures it: credentials, region and endpoint are found by the SDK itself.
 * With an endpoint of one's own: bucket names in the path, and only those checksums that S3 demands, because older
 * S3-compatible stores know neither bucket host names nor the newer checksums.
 * Throws a `UsageError` for an endpoint that is no URL.
 */
export async function connectS3(timeouts: HttpTimeouts): Promise<S3Connection> {
  const common = {
    maxAttempts: 3,
    // Bodies are at most a pack; to ask before each costs a round trip and a connection of its own.
    expectContinueHeader: false,
    requestHandler: { connectionTimeout: timeouts.connectMs, socketTimeout: timeouts.idleMs },
  }
  const aws = new S3Client(common)
  const configured = await configuredEndpoint(aws)
  const region = await aws.config.region().catch(() => undefined)
  if (configured === undefined) {
    if (region !== undefined) {
      readIntoRooms(aws, timeouts)
      return { client: aws, endpoint: `AWS ${region}` }
    }
    throw new UsageError(
      'no AWS region is configured: set AWS_REGION to the one the bucket is in, or AWS_ENDPOINT_URL_S3 to the URL of a store of your own',
    )
  }
  aws.destroy()
  const client = new S3Client({
    ...common,
    endpoint: configured.href,
    // A store of one's own mostly has no regions; the signature wants one all the same.
    region: region ?? 'us-east-1',
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  readIntoRooms(client, timeouts)
  return { client, endpoint: configured.origin }
}

/** What `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` or the AWS profile say, read by the SDK. */
async function configuredEndpoint(client: S3Client): Promise<URL | undefined> {
  const { serviceConfiguredEndpoint } = client.config as {
    serviceConfiguredEndpoint?: () => Promise<string | undefined>
  }
  const text = await serviceConfiguredEndpoint?.().catch((error: unknown) => {
    throw new UsageError('the AWS configuration file (~/.aws/config) reads wrong: mend it', {
      cause: error,
    })
  })
  if (text === undefined) return undefined
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '')
    return url
  throw new UsageError(
    'AWS_ENDPOINT_URL_S3 (or AWS_ENDPOINT_URL, or endpoint_url of the AWS profile) is no http or https URL without credentials: write it as https://s3.example.com:9000',
  )
}
