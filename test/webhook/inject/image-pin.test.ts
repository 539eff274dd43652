import { expect, it } from 'vitest'
import { repositoryOf } from '../../../webhook/inject/image-pin.ts'

it.each([
  ['shop', 'docker.io/library/shop'],
  ['shop:1.4', 'docker.io/library/shop'],
  ['docker.io/shop:1', 'docker.io/library/shop'],
  ['index.docker.io/library/shop', 'docker.io/library/shop'],
  ['team/shop:1', 'docker.io/team/shop'],
  ['localhost/shop', 'localhost/shop'],
  ['registry.example:5000/team/shop:1.4@sha256:ab', 'registry.example:5000/team/shop'],
  ['registry.example:5000/shop', 'registry.example:5000/shop'],
])('the repository of %s is %s', (image, repository) => {
  expect(repositoryOf(image)).toBe(repository)
})
