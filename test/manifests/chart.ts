/** The chart, rendered by Helm itself. */
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { runTool } from '../support/cluster-tools.ts'

export const MANIFESTS = join(import.meta.dirname, '../../manifests')
export const CHART = join(MANIFESTS, 'chart')
export const BASE = join(MANIFESTS, 'base')

/** Kubernetes objects as the tests look at them. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Manifest = any

const SOURCE = /^# Source: holdfast\/templates\/(\S+)$/m

/** What Helm would apply, in `holdfast-system`. Throws what Helm complains of. */
export function renderChart(values: Readonly<Record<string, unknown>> = {}): string {
  const sets = Object.entries(values).flatMap(([name, value]) => [
    '--set-json',
    `${name}=${JSON.stringify(value)}`,
  ])
  return runTool('helm', 'template', 'holdfast', CHART, '-n', 'holdfast-system', ...sets)
}

export function manifestsOf(yaml: string): Manifest[] {
  return parseAllDocuments(yaml)
    .map((document) => {
      if (document.errors[0] !== undefined) throw document.errors[0]
      return document.toJS()
    })
    .filter((manifest) => manifest !== null)
}

/** The files of the kustomize base, by name, as they must be: the chart as it comes, and its namespace. */
export function renderBase(): Map<string, string> {
  const files = new Map<string, string>()
  for (const document of renderChart({ createNamespace: true }).split(/^---\n/m)) {
    const name = SOURCE.exec(document)?.[1]
    if (name === undefined) continue
    const before = files.get(name)
    const text = document.replace(SOURCE, '').trim()
    files.set(name, before === undefined ? `${HEADER}${text}\n` : `${before}---\n${text}\n`)
  }
  const names = [...files.keys()].map((name) => `  - ${name}\n`)
  return files.set('kustomization.yaml', `${HEADER}${KUSTOMIZATION}${names.join('')}`)
}

const KUSTOMIZATION =
  'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n'
const HEADER =
  '# Rendered from manifests/chart: change that, then run node test/manifests/regenerate-base.ts\n'
