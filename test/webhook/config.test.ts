import { describe, expect, it } from 'vitest'
import { readConfig } from '../../webhook/config.ts'

const NEEDED = {
  HOLDFAST_IMAGE: 'holdfast:1',
  HOLDFAST_TLS_CERT: '/tls/tls.crt',
  HOLDFAST_TLS_KEY: '/tls/tls.key',
  HOLDFAST_NAMESPACES: '/etc/namespaces.yaml',
}

describe('the settings', () => {
  it('have defaults', () => {
    expect(readConfig(NEEDED)).toEqual({
      port: 8443,
      certificates: {
        by: 'files',
        files: { certificateFile: '/tls/tls.crt', keyFile: '/tls/tls.key' },
      },
      namespaces: { from: 'file', file: '/etc/namespaces.yaml' },
      podName: 'holdfast-webhook',
      logLevel: 'info',
      service: {
        image: 'holdfast:1',
        defaults: {},
        credentialsSecret: 'holdfast-s3',
        storeEnvironment: [],
        flushSeconds: 30,
        ownNamespace: 'holdfast-system',
      },
    })
  })

  it('take the store, the defaults of the DSL and the store’s environment', () => {
    const config = readConfig({
      ...NEEDED,
      HOLDFAST_STORE: 's3://continuity/prod',
      HOLDFAST_DEFAULTS: 'backup: {within: 10s}',
      HOLDFAST_PORT: '0',
      HOLDFAST_FLUSH_SECONDS: '5',
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:8000',
      AWS_REGION: '',
    })
    expect(config.port).toBe(0)
    expect(config.service).toMatchObject({
      defaults: { store: 's3://continuity/prod', 'backup.within': 10_000 },
      flushSeconds: 5,
      storeEnvironment: [{ name: 'AWS_ENDPOINT_URL_S3', value: 'http://127.0.0.1:8000' }],
    })
  })

  it('take where agents reach the service, and by whom they know it', () => {
    const url = 'https://holdfast-webhook.holdfast-system.svc'
    const told = { ...NEEDED, HOLDFAST_SERVICE_URL: `${url}/`, HOLDFAST_TLS_CA: '/tls/ca.crt' }
    expect(readConfig(told)).toMatchObject({
      serviceUrl: url,
      certificates: { files: { authoritiesFile: '/tls/ca.crt' } },
    })
    expect(() => readConfig({ ...told, HOLDFAST_TLS_CA: '' })).toThrow('HOLDFAST_TLS_CA is not set')
    for (const wrong of ['http://holdfast', 'holdfast:443', `${url}/path`, `${url}?x`])
      expect(() => readConfig({ ...told, HOLDFAST_SERVICE_URL: wrong })).toThrow(
        `HOLDFAST_SERVICE_URL is "${wrong}": write https`,
      )
  })

  it('are those of a cluster in a pod, or where a kubeconfig says which; certificates are made there', () => {
    const pod = { HOLDFAST_IMAGE: 'holdfast:1', KUBERNETES_SERVICE_HOST: '10.96.0.1' }
    expect(readConfig(pod)).toMatchObject({
      namespaces: { from: 'cluster', kubeconfig: undefined },
      certificates: { by: 'self', names: ['holdfast-webhook.holdfast-system.svc'] },
    })
    const byHand = {
      ...pod,
      KUBECONFIG: '/kubeconfig',
      HOLDFAST_NAMESPACE: 'tools',
      HOLDFAST_SERVICE_URL: 'https://holdfast.example:8443',
      HOLDFAST_TLS_NAMES: '127.0.0.1, webhook.example',
    }
    expect(readConfig(byHand)).toMatchObject({
      namespaces: { from: 'cluster', kubeconfig: '/kubeconfig' },
      certificates: {
        names: ['holdfast-webhook.tools.svc', 'holdfast.example', '127.0.0.1', 'webhook.example'],
      },
    })
    const { HOLDFAST_TLS_CERT, HOLDFAST_TLS_KEY } = NEEDED
    const files = { HOLDFAST_TLS_CERT, HOLDFAST_TLS_KEY }
    expect(
      readConfig({ ...pod, ...files, HOLDFAST_CERTIFICATES: 'files' }).certificates,
    ).toMatchObject({ by: 'files' })
    expect(readConfig({ ...pod, ...NEEDED }).namespaces.from).toBe('file')
    for (const [environment, sentence] of [
      [{ ...NEEDED, HOLDFAST_CERTIFICATES: 'self' }, 'needs a cluster to keep them in'],
      [{ ...NEEDED, HOLDFAST_CERTIFICATES: 'acme' }, '"acme": write self or files'],
      [{ ...pod, HOLDFAST_TLS_NAMES: 'a b/c' }, 'HOLDFAST_TLS_NAMES holds "b/c"'],
    ] as const)
      expect(() => readConfig(environment)).toThrow(sentence)
  })

  it('are refused with all faults at once', () => {
    const environment = {
      HOLDFAST_PORT: '99999',
      HOLDFAST_STORE: 'ftp://x',
      HOLDFAST_DEFAULTS: 'store: s3://x\nbackup: {within: 5}',
      HOLDFAST_CREDENTIALS_SECRET: 'No Secret',
      HOLDFAST_LOG_LEVEL: 'loud',
    }
    for (const sentence of [
      'HOLDFAST_PORT is "99999": write a whole number from 0 to 65535',
      'HOLDFAST_STORE: store "ftp://x" is no URL of a store',
      'HOLDFAST_DEFAULTS has 2 faults',
      'HOLDFAST_CREDENTIALS_SECRET is "No Secret"',
      'HOLDFAST_LOG_LEVEL is "loud": write one of debug, info, warn, error',
      ...Object.keys(NEEDED).map((name) => `${name} is not set`),
    ])
      expect(() => readConfig(environment)).toThrow(sentence)
  })
})
