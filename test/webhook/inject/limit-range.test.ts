/** The sidecar's resources within a namespace's LimitRanges. */
import { describe, expect, it } from 'vitest'
import { fitToBounds, type ContainerBound } from '../../../webhook/inject/limit-range.ts'

const WANTED = {
  requests: { cpu: '20m', memory: '128Mi' },
  limits: { cpu: '1', memory: '256Mi' },
}
const GUARANTEED = {
  requests: { cpu: '100m', memory: '256Mi' },
  limits: { cpu: '100m', memory: '256Mi' },
}
const bound = (parts: Partial<ContainerBound>): ContainerBound => ({
  of: 'limits',
  min: {},
  max: {},
  maxLimitRequestRatio: {},
  ...parts,
})

describe('the sidecar’s resources', () => {
  it.each([
    ['stand where nothing is said', [], WANTED],
    ['stand within wide bounds', [{ min: { cpu: '10m' }, max: { cpu: 4, memory: '1Gi' } }], WANTED],
    [
      'take less CPU at most',
      [{ max: { cpu: '500m' } }],
      { ...WANTED, limits: { cpu: '500m', memory: '256Mi' } },
    ],
    [
      'take the smallest of several bounds',
      [{ max: { cpu: '500m' } }, { max: { cpu: '300m' } }],
      { ...WANTED, limits: { cpu: '300m', memory: '256Mi' } },
    ],
    [
      'grow to what is asked for at least',
      [{ min: { cpu: '50m', memory: '512Mi' } }],
      { requests: { cpu: '50m', memory: '512Mi' }, limits: { cpu: '1', memory: '512Mi' } },
    ],
    [
      'ask for more where limits may be so many times as much',
      [{ maxLimitRequestRatio: { cpu: '4', memory: '1.5' } }],
      { requests: { cpu: '250m', memory: '178956971' }, limits: WANTED.limits },
    ],
    [
      'are equal where they may not differ',
      [{ maxLimitRequestRatio: { cpu: 1, memory: 1 } }],
      { requests: WANTED.limits, limits: WANTED.limits },
    ],
  ] as const)('%s', (_what, bounds, fitted) => {
    expect(fitToBounds(WANTED, bounds.map(bound))).toEqual(fitted)
  })

  it('of a Guaranteed pod stay equal', () => {
    const bounds = [bound({ min: { cpu: '200m' }, max: { memory: '1Gi' } })]
    const limits = { cpu: '200m', memory: '256Mi' }
    expect(fitToBounds(GUARANTEED, bounds)).toEqual({ requests: limits, limits })
    const less = { cpu: '50m', memory: '256Mi' }
    expect(fitToBounds(GUARANTEED, [bound({ max: { cpu: '50m' } })])).toEqual({
      requests: less,
      limits: less,
    })
  })

  it.each([
    [
      { max: { memory: '64Mi' } },
      'lets a container have 64Mi of memory at most, and the sidecar needs 256Mi; raise its max.memory',
    ],
    [
      { max: { cpu: '10m' } },
      'lets a container have 10m of cpu at most, and the sidecar needs 20m; raise its max.cpu',
    ],
  ])('that it cannot live on are refused: %o', (parts, sentence) => {
    expect(() => fitToBounds(WANTED, [bound(parts)])).toThrow(
      `the LimitRange "limits" of this namespace ${sentence}`,
    )
  })
})
