import { expect, it } from 'vitest'
import { UsageError } from '../../shared/errors.ts'
import { formatStreamName, parseStreamName, streamPartProblem } from '../../shared/stream-name.ts'

it.each(['shop/shop/0', 'a/b-1.c/node-7.example', `n/${'a'.repeat(253)}/0`])(
  '%s is a stream, and is written as it was read',
  (text) => {
    expect(formatStreamName(parseStreamName(text))).toBe(text)
  },
)

it.each([
  ['shop/shop', 'has 2 part(s): write it as NAMESPACE/APP/SLOT'],
  ['shop/shop/0/1', 'has 4 part(s)'],
  ['', 'has 1 part(s)'],
  ['//', 'the namespace "" is no Kubernetes name'],
  ['shop/../0', 'the app ".." is no Kubernetes name'],
  ['shop/a..b/0', 'the app "a..b"'],
  ['shop/Shop/0', 'the app "Shop"'],
  ['shop/shop/-1', 'the slot "-1"'],
  ['shop/shop/0\n', 'the slot'],
  [`shop/${'a'.repeat(254)}/0`, 'the app'],
])('%j is refused: %s', (text, problem) => {
  expect(() => parseStreamName(text)).toThrow(UsageError)
  expect(() => parseStreamName(text)).toThrow(problem)
})

it('no part of a name can be more than one part of a key', () => {
  for (const part of ['a/b', '.', '..', '.a', 'a.', 'a b', 'ä', 'a\0'])
    expect(streamPartProblem(part), part).toBeDefined()
})
