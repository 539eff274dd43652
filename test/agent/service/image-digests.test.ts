import { expect, test } from 'vitest'
import { withDigests } from '../../../agent/service/image-digests.ts'

const SHA = `sha256:${'a'.repeat(64)}`
const recorded = [
  { container: 'shop', image: 'shop:1.4' },
  { container: 'proxy', image: 'proxy:2' },
]

test('a digest is taken for the image that the version names, and kept when a later answer knows less', () => {
  const shop = { container: 'shop', image: 'shop:1.4', digest: `docker.io/library/shop@${SHA}` }
  const known = withDigests(recorded, { images: [shop] })
  expect(known).toEqual([{ ...recorded[0], digest: SHA }, recorded[1]])
  expect(withDigests(known, { images: [{ ...shop, digest: null }] })).toEqual(known)
  expect(withDigests(known, { images: [] })).toEqual(known)
})

test('an image that was set on the live pod, or that cannot be pulled, has no digest', () => {
  const other = { container: 'shop', image: 'shop:1.5', digest: `docker.io/library/shop@${SHA}` }
  const loaded = { container: 'proxy', image: 'proxy:2', digest: null }
  expect(withDigests(recorded, { images: [other, loaded] })).toEqual(recorded)
})
