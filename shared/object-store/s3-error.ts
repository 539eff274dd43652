import {
  AccessDeniedError,
  NoSuchStoreError,
  StoreRefusedError,
  UnreachableError,
  type StoreError,
} from './object-store.ts'

/** What S3 stores, the SDK and Node say of one failed operation: facts, no wording. */
export interface S3Failure {
  /** S3's error code, Node's, or the SDK's name for it. */
  readonly code: string
  /** Undefined when there was no answer. */
  readonly status: number | undefined
  /** The region that the bucket is in, where the answer says so. */
  readonly region: string | undefined
}

const WRONG_REGION = new Set([
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
])

/** Node's codes for a connection that no further attempt will mend. */
const TLS = /^(EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|ERR_SSL_)/
const NETWORK = /^(E[A-Z0-9]+|HPE_[A-Z_]+|ERR_STREAM_PREMATURE_CLOSE)$/

/** Reads the facts off whatever the SDK threw. */
export function describeFailure(error: unknown): S3Failure {
  const thrown = error as {
    name?: string
    code?: unknown
    cause?: { code?: unknown }
    $metadata?: { httpStatusCode?: number }
    $response?: { statusCode?: number; headers?: Record<string, string> }
  }
  const nodeCode = [thrown.code, thrown.cause?.code].find((code) => typeof code === 'string')
  return {
    code: nodeCode ?? thrown.name ?? 'Unknown',
    status: thrown.$metadata?.httpStatusCode ?? thrown.$response?.statusCode,
    region: thrown.$response?.headers?.['x-amz-bucket-region'],
  }
}

/**
 * Names a failure by its code and status alone. `doing` begins the sentence, as in `create s3://bucket/a`;
 * `endpoint` says where the requests went.
 */
export function toS3StoreError(error: unknown, doing: string, endpoint: string): StoreError {
  const failure = describeFailure(error)
  const answer = failure.status === undefined ? failure.code : `${failure.status} ${failure.code}`
  const what = `cannot ${doing} at ${endpoint} (${answer})`
  const [StoreErrorClass, meaning] = explain(failure)
  return new StoreErrorClass(`${what}: ${meaning}`, { cause: error })
}

type StoreErrorClass = new (message: string, options?: ErrorOptions) => StoreError
type Explanation = readonly [StoreErrorClass, string]

const SILENCE: Explanation = [
  UnreachableError,
  'the store does not answer in order; try again later',
]
const BAD_CREDENTIALS: Explanation = [
  AccessDeniedError,
  'the store does not accept these credentials: check or renew them',
]
const NO_CREDENTIALS: Explanation = [
  AccessDeniedError,
  'no credentials were found: they are looked for in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile AWS_PROFILE in ~/.aws, AWS_WEB_IDENTITY_TOKEN_FILE, and the role of the container or instance',
]
const LIMIT: Explanation = [StoreRefusedError, 'the store has a limit here, or lacks the operation']

/** Codes that say more than the status they come with, or come without one. */
const BY_CODE: Record<string, Explanation> = {
  CredentialsProviderError: NO_CREDENTIALS,
  ProviderError: NO_CREDENTIALS,
  TokenProviderError: NO_CREDENTIALS,
  InvalidAccessKeyId: BAD_CREDENTIALS,
  SignatureDoesNotMatch: BAD_CREDENTIALS,
  ExpiredToken: BAD_CREDENTIALS,
  ExpiredTokenException: BAD_CREDENTIALS,
  InvalidToken: BAD_CREDENTIALS,
  InvalidIdentityTokenException: BAD_CREDENTIALS,
  TokenRefreshRequired: BAD_CREDENTIALS,
  RequestTimeTooSkewed: [
    AccessDeniedError,
    "this machine's clock and the store's differ by more than 15 minutes: set them right",
  ],
  NoSuchBucket: [NoSuchStoreError, 'there is no such bucket: create it, or correct the URL'],
  QuotaExceeded: LIMIT,
  EntityTooLarge: LIMIT,
  KeyTooLongError: LIMIT,
  NotImplemented: LIMIT,
  RequestTimeout: SILENCE,
  SlowDown: SILENCE,
  IncompleteBody: SILENCE,
  TimeoutError: SILENCE,
  AbortError: SILENCE,
  ConditionalRequestConflict: SILENCE,
  OperationAborted: SILENCE,
}

function explain(failure: S3Failure): Explanation {
  const { code, status, region } = failure
  if (WRONG_REGION.has(code) || status === 301 || status === 307)
    return [
      StoreRefusedError,
      `the bucket is in another region: set AWS_REGION to ${region ?? 'the one it is in'}`,
    ]
  const byCode = Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined
  return byCode ?? (status === undefined ? explainConnection(code) : explainStatus(status))
}

function explainConnection(code: string): Explanation {
  if (TLS.test(code))
    return [
      StoreRefusedError,
      'no TLS connection comes about: does the endpoint speak https, and is its certificate trusted (NODE_EXTRA_CA_CERTS)?',
    ]
  if (NETWORK.test(code))
    return [UnreachableError, 'no connection, or a broken one; try again later']
  return [StoreRefusedError, 'the request could not be made, or its answer not be read']
}

function explainStatus(status: number): Explanation {
  if (status === 401 || status === 403)
    return [AccessDeniedError, 'these credentials may not do this: see the policy of the bucket']
  if (status === 501) return LIMIT
  // An answer that says "well done" and fails all the same broke off, or is no S3 at all.
  if (status === 408 || status === 429 || status >= 500 || status < 300) return SILENCE
  return [
    StoreRefusedError,
    'the store refuses the request: is it S3, and the bucket as it should be?',
  ]
}
