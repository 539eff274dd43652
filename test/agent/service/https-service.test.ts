/** The agent's calls over real TLS: whom it trusts, what it says of itself, and what it makes of every answer. */
import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { httpsService } from '../../../agent/service/https-service.ts'
import { ServiceError } from '../../../agent/service/service.ts'
import { reportOf } from '../../../agent/service/report.ts'
import { Status } from '../../../agent/session/status.ts'
import { createCertificate } from '../../../webhook/certificates/make-certificate.ts'
import { freePort, temporaryFolder } from '../../support/agent-pod.ts'
import { startStandInService } from '../../support/stand-in-service.ts'

const REPORT = reportOf(new Status().facts, [], 0)

function tokenFile(token = 'first'): string {
  const file = path.join(temporaryFolder(), 'token')
  fs.writeFileSync(file, `${token}\n`)
  return file
}

async function failure(call: Promise<unknown>): Promise<ServiceError> {
  const error: unknown = await call.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ServiceError)
  return error as ServiceError
}

test('each call brings the token that is in the file now', async () => {
  const stand = await startStandInService()
  const file = tokenFile()
  const service = httpsService(stand.told, file)
  await service.report(REPORT)
  fs.writeFileSync(file, 'renewed')
  await service.report(REPORT)
  expect(stand.reports.map(({ token }) => token)).toEqual(['first', 'renewed'])
  fs.rmSync(file)
  expect(await failure(service.report(REPORT))).toMatchObject({ undone: true })
  expect(stand.faults).toEqual([])
})

test('it is answered what a pod is, what images run, and how a hook has ended', async () => {
  const stand = await startStandInService()
  const service = httpsService(stand.told, tokenFile())
  stand.pods.set('uid-1', 'terminating')
  expect(await service.podState({ name: 'shop-1', uid: 'uid-1' })).toBe('terminating')
  expect(await service.podState({ name: 'shop-1', uid: 'uid-0' })).toBe('gone')
  stand.images = [{ container: 'shop', image: 'shop:1.4', digest: null }]
  expect(await service.report(REPORT)).toEqual({ images: stand.images })
  stand.hooks.before = { exitCode: 3, output: 'no' }
  expect(await service.runHook('before', 1000)).toEqual({ exitCode: 3, output: 'no' })
})

test('a service with a certificate of another authority hears nothing', async () => {
  const stand = await startStandInService()
  const { authority } = await createCertificate(['127.0.0.1'])
  const service = httpsService({ ...stand.told, ca: authority }, tokenFile())
  const { message } = await failure(service.report(REPORT))
  expect(message).toMatch(
    /^the service at https:.* does not answer: .*(CERT|SIGNATURE|certificate)/,
  )
  expect(stand.asked).toEqual([])
})

test('what the service refuses was not done; what it fails at may have been', async () => {
  const stand = await startStandInService()
  const service = httpsService(stand.told, tokenFile())
  stand.hooks.before = 403
  expect(await failure(service.runHook('before', 1000))).toMatchObject({
    message: 'the service refuses: no leave',
    undone: true,
  })
  stand.broken = true
  expect(await failure(service.runHook('before', 1000))).toMatchObject({ undone: false })
})

test('silence ends in its time, and at once when told', async () => {
  const stand = await startStandInService()
  stand.delayMs = 60_000
  const service = httpsService(stand.told, tokenFile())
  const late = await failure(service.runHook('after', 100))
  expect(late).toMatchObject({ undone: false })
  expect(late.message).toContain('no answer within 100 ms')
  const ended = AbortSignal.abort()
  expect(await failure(service.report(REPORT, ended))).toBeInstanceOf(ServiceError)
})

test('where nobody listens, nothing was done', async () => {
  const stand = await startStandInService()
  const url = `https://127.0.0.1:${await freePort()}`
  const service = httpsService({ ...stand.told, url }, tokenFile())
  const { message, undone } = await failure(service.podState({ name: 'a', uid: 'b' }))
  expect(message).toBe(`the service at ${url} does not answer: ECONNREFUSED`)
  expect(undone).toBe(true)
})
