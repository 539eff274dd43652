import { describe, expect, it } from 'vitest'
import { readDeclaration } from '../../../shared/declaration/declaration.ts'
import {
  effectivePolicy,
  formatEffectivePolicy,
} from '../../../shared/declaration/effective-policy.ts'
import { parseDefaults, readPolicy } from '../../../shared/declaration/policy.ts'
import { DeclarationError } from '../../../shared/declaration/fault.ts'

describe('the effective policy', () => {
  it('takes each key from the first that says it, and names who did', () => {
    const policy = effectivePolicy({
      pod: readDeclaration('{paths: [/a], backup: {within: 1s}, keep: {hourly: 3}}').settings,
      namespace: readPolicy(
        '{backup: {within: 2s}, keep: {hourly: 4, daily: 5}, store: s3://team/x}',
      ),
      service: { 'backup.within': 3000, 'keep.daily': 6, 'keep.weekly': 7, store: 's3://all' },
    })
    expect(policy['backup.within']).toEqual({ value: 1000, origin: 'pod' })
    expect(policy['keep.hourly']).toEqual({ value: 3, origin: 'pod' })
    expect(policy['keep.daily']).toEqual({ value: 5, origin: 'namespace' })
    expect(policy['keep.weekly']).toEqual({ value: 7, origin: 'service' })
    expect(policy['keep.all']).toEqual({ value: 86_400_000, origin: 'built in' })
    expect(policy.store).toEqual({ value: 's3://team/x', origin: 'namespace' })
  })

  it('lets a false of the pod win over a true of the Namespace', () => {
    const policy = effectivePolicy({
      pod: readDeclaration('{paths: [/a], restore: {images: false}}').settings,
      namespace: readPolicy('restore: {images: true}'),
      service: {},
    })
    expect(policy['restore.images']).toEqual({ value: false, origin: 'pod' })
  })

  it('prints as a table', () => {
    const pod = readDeclaration(
      '{paths: [/a], backup: {within: 90s, before: {http: "http://localhost/f"}}}',
    ).settings
    const lines = formatEffectivePolicy(
      effectivePolicy({ pod, namespace: readPolicy('allow: {exec: true}'), service: {} }),
    ).split('\n')
    expect(lines[0]).toMatch(/^KEY +VALUE +FROM$/)
    expect(lines).toContainEqual(expect.stringMatching(/^backup\.within +90s +pod$/))
    expect(lines).toContainEqual(expect.stringMatching(/^keep\.all +24h +built in$/))
    expect(lines).toContainEqual(expect.stringMatching(/^allow\.exec +true +namespace$/))
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^backup\.before +http:\/\/localhost\/f timeout 10s onError fail +pod$/,
      ),
    )
    expect(lines).toContainEqual(expect.stringMatching(/^store +- +built in$/))
  })
})

describe('a policy', () => {
  it('has its faults told as a declaration has', () => {
    expect(() => readPolicy('{allow: {exce: true}, store: ftp://x, paths: [/a]}')).toThrow(
      DeclarationError,
    )
    expect(() => readPolicy('allow: {exce: true}')).toThrow(
      'holdfast.dev/policy: line 1, column 9: allow.exce: found an unknown key; allowed: exec, hostPath, rootAgent, images; did you mean "exec"?',
    )
  })

  it('with credentials in its store is refused without repeating them', () => {
    expect(() => readPolicy('store: s3://me:secret@bucket/x')).toThrow(/found "s3:\/\/…@bucket\/x"/)
  })

  it('of the service names no store: that is said beside it', () => {
    expect(parseDefaults('store: s3://a')).toMatchObject({ ok: false })
    expect(parseDefaults('backup: {within: 10s}')).toEqual({
      ok: true,
      value: { 'backup.within': 10_000 },
    })
  })
})
