import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDeclaration, readDeclaration } from '../../../shared/declaration/declaration.ts'
import { DeclarationError, formatFaults } from '../../../shared/declaration/fault.ts'

function valueOf(text: string) {
  const parsed = parseDeclaration(text)
  if (!parsed.ok) throw new Error(formatFaults('state', parsed.faults))
  return parsed.value
}

/** `line:column path` of each fault. */
function placesOf(text: unknown): string[] {
  const parsed = parseDeclaration(text)
  return parsed.ok ? [] : parsed.faults.map((f) => `${f.line}:${f.column} ${f.path}`.trim())
}

function messageOf(text: unknown): string {
  const parsed = parseDeclaration(text)
  return parsed.ok ? '' : formatFaults('holdfast.dev/state', parsed.faults)
}

const FULL = `app: shop
paths:
  - /var/lib/shop
  - path: /var/lib/ledger/ledger.db
    as: sqlite
  - path: /data/
    container: api
    exclude: ["**/*.tmp", cache/]
backup:
  within: 500ms
  before: {http: "http://localhost:8080/freeze", timeout: 20s, onError: continue}
  after: {exec: [thaw, --now]}
keep: {all: 24h, hourly: 48, daily: 14, weekly: 8}
restore:
  images: false
  whenEmpty: fail
`

describe('a declaration that reads', () => {
  it('is a path', () => {
    expect(valueOf('/var/lib/shop')).toEqual({
      paths: [{ path: '/var/lib/shop', as: 'auto', exclude: [] }],
      settings: {},
    })
  })

  it('is a list of paths, short or long', () => {
    expect(valueOf('["/a b/ü/", {path: /c, exclude: [x]}]').paths).toEqual([
      { path: '/a b/ü', as: 'auto', exclude: [] },
      { path: '/c', as: 'auto', exclude: ['x'] },
    ])
  })

  it('is the full form, with durations in milliseconds', () => {
    expect(valueOf(FULL)).toEqual({
      app: 'shop',
      paths: [
        { path: '/var/lib/shop', as: 'auto', exclude: [] },
        { path: '/var/lib/ledger/ledger.db', as: 'sqlite', exclude: [] },
        { path: '/data', as: 'auto', container: 'api', exclude: ['**/*.tmp', 'cache/'] },
      ],
      settings: {
        'backup.within': 500,
        'backup.before': {
          http: 'http://localhost:8080/freeze',
          timeoutMs: 20_000,
          onError: 'continue',
        },
        'backup.after': { exec: ['thaw', '--now'], timeoutMs: 10_000, onError: 'fail' },
        'keep.all': 86_400_000,
        'keep.hourly': 48,
        'keep.daily': 14,
        'keep.weekly': 8,
        'restore.images': false,
        'restore.whenEmpty': 'fail',
      },
    })
  })

  it.each([
    ['5s', 5000],
    ['500ms', 500],
    ['1h', 3_600_000],
    ['24h', 86_400_000],
    ['100ms', 100],
  ])('has a duration as %s', (text, ms) => {
    expect(valueOf(`{paths: [/a], backup: {within: ${text}}}`).settings['backup.within']).toBe(ms)
  })

  it.each(['/a', '/a/', '/a.b/..c/...', "'/a b'"])('has a path as %s', (path) => {
    expect(placesOf(path)).toEqual([])
  })
})

describe('every fault is told at once', () => {
  it('with line, column, path, what was found and what is allowed', () => {
    const text = `app: Shop
paths:
  - path: /data
    as: sqlit
  - relative
backup:
  within: 5 seconds
restore: {imagse: true}
`
    expect(placesOf(text)).toEqual([
      '1:6 app',
      '4:9 paths[0].as',
      '5:5 paths[1]',
      '7:11 backup.within',
      '8:11 restore.imagse',
    ])
    const message = messageOf(text)
    expect(message).toMatch(/^holdfast\.dev\/state has 5 faults:\n {2}line 1, column 6: app: /)
    expect(message).toContain(
      'line 4, column 9: paths[0].as: found "sqlit"; allowed: files or sqlite; did you mean "sqlite"?',
    )
    expect(message).toContain('restore.imagse: found an unknown key; allowed: images, whenEmpty')
    expect(message).toContain('did you mean "images"?')
  })

  it('also of paths against each other, beside faults of another kind', () => {
    expect(placesOf('paths: [/a, /b/c, /a/, /b, {path: /ab, as: x}]')).toEqual([
      '1:19 paths[2]',
      '1:24 paths[3]',
      '1:44 paths[4].as',
    ])
    expect(messageOf('[/a, /a/b]')).toContain('a file in both would stand twice in a version')
  })

  it('says where a key belongs that stands at the wrong place', () => {
    expect(messageOf('{paths: [/a], within: 5s}')).toContain('it stands elsewhere: backup.within')
    expect(messageOf('{paths: [/a], store: "s3://x/y"}')).toContain(
      'only holdfast.dev/policy on the Namespace may say "store"',
    )
  })

  it('as an error whose message holds them all', () => {
    expect(() => readDeclaration('[/a, /a, b]')).toThrow(DeclarationError)
    expect(() => readDeclaration('[/a, /a, b]')).toThrow(/2 faults.*\[1\].*\[2\]/s)
  })
})

describe('refused, each with one fault at its place', () => {
  it.each([
    ['a relative path', 'var/lib', '1:1'],
    ['the root', '/', '1:1'],
    ['a path with ..', '/a/../b', '1:1'],
    ['a path with .', '/a/./b', '1:1'],
    ['an empty part', '/a//b', '1:1'],
    ['a control character', '"/a\\u0007"', '1:1'],
    ['a number', 5, '1:1'],
    ['nothing', undefined, '1:1'],
    ['empty text', '  \n', '1:1'],
    ['only a comment', '# /a', '1:1'],
    ['huge text', `/${'a'.repeat(20_000)}`, '1:1'],
    ['an empty list', '[]', '1:1'],
    ['a map without paths', 'app: shop', '1:1 paths'],
    ['a list as a map', 'paths: [/a]\nkeep: []', '2:7 keep'],
    ['a nested list', '- [/a]', '1:3 [0]'],
    ['a duplicate key', 'paths: [/a]\npaths: [/b]', '2:1'],
    ['a tab as indentation', 'paths:\n\t- /a', '2:1'],
    ['an open bracket', 'paths: [/a', '1:11'],
    ['a tag', '!!str /a', '1:7'],
    ['an unknown tag', '!env /a', '1:1'],
    ['an anchor', 'paths: &p\n  - /a', '2:3'],
    ['two documents', '/a\n---\n/b', '2:1'],
    ['a key of every object', 'paths: [/a]\nconstructor: 1', '2:1'],
    ['a prototype', 'paths: [/a]\n__proto__: {app: x}', '2:1'],
    ['a key that is a list', '? [a]\n: b', '1:3'],
    ['deep flow', '['.repeat(1000), '1:1'],
    ['deep block', '- '.repeat(1000), '1:1'],
    ['an app that is no key part', '{paths: [/a], app: ../x}', '1:20 app'],
    ['a duration without unit', '{paths: [/a], backup: {within: 5}}', '1:32 backup.within'],
    ['a duration too short', '{paths: [/a], backup: {within: 99ms}}', '1:32 backup.within'],
    ['a duration too long', '{paths: [/a], backup: {within: 25h}}', '1:32 backup.within'],
    ['a negative count', '{paths: [/a], keep: {daily: -1}}', '1:29 keep.daily'],
    ['half a version', '{paths: [/a], keep: {daily: 1.5}}', '1:29 keep.daily'],
    ['yes in quotes', '{paths: [/a], restore: {images: "true"}}', '1:33 restore.images'],
    ['exclude beside sqlite', '[{path: /a, as: sqlite, exclude: [b]}]', '1:2 [0]'],
    ['a WAL as a database', '[{path: /a-wal, as: sqlite}]', '1:2 [0]'],
    ['a directory as a database', '[{path: /a/, as: sqlite}]', '1:2 [0]'],
    ['an absolute pattern', '[{path: /a, exclude: [/b]}]', '1:23 [0].exclude[0]'],
    ['a pattern with ..', '[{path: /a, exclude: [../b]}]', '1:23 [0].exclude[0]'],
    ['an open bracket in a pattern', '[{path: /a, exclude: ["[b"]}]', '1:23 [0].exclude[0]'],
    [
      'a hook elsewhere',
      'paths: [/a]\nbackup: {before: {http: "http://x/"}}',
      '2:25 backup.before.http',
    ],
    [
      'a hook on a host that only begins like localhost',
      'paths: [/a]\nbackup: {before: {http: "http://localhost.evil/"}}',
      '2:25 backup.before.http',
    ],
    [
      'a hook whose host stands behind an @',
      'paths: [/a]\nbackup: {before: {http: "http://localhost:80@x/"}}',
      '2:25 backup.before.http',
    ],
    ['a hook of no kind', 'paths: [/a]\nbackup: {before: {timeout: 5s}}', '2:18 backup.before'],
    [
      'a hook of both kinds',
      'paths: [/a]\nbackup: {after: {http: "http://localhost/", exec: [a]}}',
      '2:17 backup.after',
    ],
    ['a command as text', 'paths: [/a]\nbackup: {after: {exec: a b}}', '2:24 backup.after.exec'],
  ])('%s', (_, text, place) => {
    expect(placesOf(text)).toEqual([place])
  })

  it('an alias, where it stands, with its anchor', () => {
    expect(placesOf('paths: [&a /a, *a]')).toEqual(['1:12', '1:16'])
  })

  it('a bomb of aliases, in no time', () => {
    const bomb = Array.from({ length: 12 }, (_, i) =>
      i === 0 ? 'l0: &l0 [x]' : `l${i}: &l${i} [${`*l${i - 1},`.repeat(9)}]`,
    ).join('\n')
    const before = performance.now()
    expect(placesOf(bomb).length).toBeGreaterThan(10)
    expect(performance.now() - before).toBeLessThan(2000)
  })
})

describe('any text', () => {
  const yamlish = fc
    .array(
      fc.oneof(
        fc.constantFrom('paths', 'path', 'as', 'sqlite', 'backup', 'within', '5s', '/a', '/a/b'),
        fc.constantFrom(': ', '\n', '  ', '[', ']', '{', '}', ',', '"', "'", '&a', '*a', '!t', '|'),
        fc.constantFrom(
          '- ',
          '#',
          '---',
          '...',
          '\t',
          '%',
          '~',
          '<<',
          '\0',
          '\u2028',
          '\ud800',
          '? ',
        ),
        fc.string({ maxLength: 4 }),
      ),
      { maxLength: 60 },
    )
    .map((parts) => parts.join(''))

  it('gives a value or faults with a place, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(yamlish, fc.string({ unit: 'binary', maxLength: 300 })), (text) => {
        const parsed = parseDeclaration(text)
        if (parsed.ok) return parsed.value.paths.length > 0
        const lines = text.split('\n').length + text.split('\r').length
        return (
          parsed.faults.length > 0 &&
          parsed.faults.every((f) => f.line >= 1 && f.line <= lines && f.column >= 1)
        )
      }),
      { numRuns: 3000 },
    )
  })

  it('that is long and repeats is read in bounded time', () => {
    for (const unit of [
      '- ',
      '? ',
      '{a: ',
      '[',
      ']',
      '&a ',
      '!a ',
      '"',
      '|\n',
      'a:\n ',
      '---\n',
      '\\',
    ]) {
      const before = performance.now()
      parseDeclaration(unit.repeat(Math.floor(16_000 / unit.length)))
      expect(performance.now() - before).toBeLessThan(3000)
    }
  })
})
