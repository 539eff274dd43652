import { expect, it } from 'vitest'
import { imagesOf } from '../../../webhook/controller/image-digests.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

it.each([
  ['shop:1.4', `docker.io/library/shop@${DIGEST}`, `docker.io/library/shop@${DIGEST}`],
  ['r.example:5000/shop:1', `r.example:5000/shop@${DIGEST}`, `r.example:5000/shop@${DIGEST}`],
  ['r.example/shop', `docker-pullable://r.example/shop@${DIGEST}`, `r.example/shop@${DIGEST}`],
  // Loaded by hand: the hash of its configuration, which no registry knows.
  ['shop:1.4', DIGEST, null],
  // The same bytes came to the node under another name.
  ['r.example/shop:1', `other.example/shop@${DIGEST}`, null],
  ['shop:1.4', '', null],
  ['shop:1.4', 'docker.io/library/shop@sha256:short', null],
])('the image %s that runs as %s can be pulled again by %s', (image, imageId, digest) => {
  expect(imagesOf([{ container: 'shop', image, imageId }])).toEqual([
    { container: 'shop', image, digest },
  ])
})
