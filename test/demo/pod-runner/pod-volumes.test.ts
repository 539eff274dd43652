import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { quoteLikeGo } from '../../../demo/pod-runner/pod-field.ts'
import { fake, startRunner } from './runner-fixture.ts'

test.each([
  ['plain', '"plain"'],
  ['two\nlines\t"x" \\', String.raw`"two\nlines\t\"x\" \\"`],
  ['\x07\b\f\v\r', String.raw`"\a\b\f\v\r"`],
  ['\x00\x1b\x7f', String.raw`"\x00\x1b\x7f"`],
  ['Grüße 海 😀', '"Grüße 海 😀"'],
  ['\u00a0\u200b\ufeff', String.raw`"\u00a0\u200b\ufeff"`],
  ['\u{e0001}', String.raw`"\U000e0001"`],
])('%j is quoted as Go does', (text, quoted) => {
  expect(quoteLikeGo(text)).toBe(quoted)
})

const mount = (mountPath: string, more = {}) => ({ name: 'data', mountPath, ...more })

async function podWithInfo() {
  const fixture = startRunner()
  const pod = await fixture.runner.createPod({
    metadata: {
      name: 'info',
      labels: { b: '2', a: '1' },
      annotations: { 'x.dev/b': 'two', 'x.dev/a': 'o"ne' },
    },
    spec: {
      volumes: [
        { name: 'data', emptyDir: {} },
        {
          name: 'info',
          downwardAPI: {
            items: ['labels', 'annotations'].map((name) => ({
              path: name,
              fieldRef: { fieldPath: `metadata.${name}` },
            })),
          },
        },
      ],
      containers: [
        {
          ...fake('app', fixture.journalFile),
          volumeMounts: [
            { name: 'info', mountPath: '/etc/info' },
            mount('/var/lib/app/'),
            mount('/sub', { subPath: 'deep/er' }),
            mount('/own', { subPathExpr: 'of/$(NAME)' }),
          ],
        },
      ],
    },
  })
  const root = path.join(pod.folder, 'roots', 'app')
  const read = (file: string) => fs.readFileSync(path.join(root, 'etc/info', file), 'utf8')
  return { ...fixture, pod, root, read }
}

test('every mountPath is found below the root, through one symlink at the mount point', async () => {
  const { pod, root } = await podWithInfo()
  const data = pod.volumeFolder('data')
  expect(fs.lstatSync(path.join(root, 'var/lib')).isDirectory()).toBe(true)
  expect(fs.readlinkSync(path.join(root, 'var/lib/app'))).toBe(data)
  expect(fs.readlinkSync(path.join(root, 'sub'))).toBe(path.join(data, 'deep/er'))
  expect(fs.readlinkSync(path.join(root, 'own'))).toBe(path.join(data, 'of/app'))
  expect(fs.lstatSync(data).isDirectory()).toBe(true)
})

test('downward files hold the metadata in the kubelet’s format and follow its changes', async () => {
  const { pod, read } = await podWithInfo()
  expect(read('labels')).toBe('a="1"\nb="2"')
  expect(read('annotations')).toBe('x.dev/a="o\\"ne"\nx.dev/b="two"')
  pod.patchMetadata({ annotations: { 'x.dev/a': null, 'x.dev/c': 'three' }, labels: { a: '9' } })
  expect(read('annotations')).toBe('x.dev/b="two"\nx.dev/c="three"')
  expect(read('labels')).toBe('a="9"\nb="2"')
})

test('a reader of a downward file never sees half of a change', async () => {
  const { pod, root } = await podWithInfo()
  const folder = path.join(root, 'etc/info')
  const before = fs.readdirSync(folder)
  // An open generation is whole, and is left behind whole: only the switch changes.
  const held = fs.realpathSync(path.join(folder, 'annotations'))
  pod.patchMetadata({ annotations: { 'x.dev/a': 'new' } })
  expect(fs.realpathSync(path.join(folder, 'annotations'))).not.toBe(held)
  expect(fs.readlinkSync(path.join(folder, 'annotations'))).toBe('..data/annotations')
  expect(fs.readdirSync(folder)).toHaveLength(before.length)
})

test('a wiped volume is empty under the running app', async () => {
  const { pod, root } = await podWithInfo()
  await pod.whenReady()
  fs.writeFileSync(path.join(root, 'var/lib/app/file'), 'x')
  pod.wipeVolume('data')
  expect(fs.readdirSync(path.join(root, 'var/lib/app'))).toEqual([])
  expect(pod.container('app').running).toBe(true)
})
