/** The image's parts as a CycloneDX 1.6 document, which scanners read. Neither date nor serial number: the same parts give the same bytes. */
import type { Package } from './packages.ts'

export function billOfMaterials(packages: readonly Package[]): string {
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    components: packages.map((each) => ({
      type: each.kind === 'node' ? 'application' : 'library',
      'bom-ref': packageUrl(each),
      name: each.name,
      version: each.version,
      ...(each.licence !== undefined && { licenses: [{ expression: each.licence }] }),
      purl: packageUrl(each),
    })),
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

/** As the package-url specification writes them. */
function packageUrl({ kind, name, version }: Package): string {
  const tail = `${name.replace(/^@/, '%40')}@${encodeURIComponent(version)}`
  switch (kind) {
    case 'npm':
      return `pkg:npm/${tail}`
    case 'deb':
      return `pkg:deb/debian/${tail}`
    case 'node':
      return `pkg:github/nodejs/node@v${version}`
  }
}
