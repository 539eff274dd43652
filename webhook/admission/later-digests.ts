/**
 * The digests by which a version's images ran, where it was made before its agent knew them: an agent hears of them with
 * the answer to a report, when its first versions are made already. A later version of the same pod has them.
 */
import type { VersionRecord } from '../../shared/repository/log-record.ts'
import type { VersionLog } from '../../shared/repository/version-log.ts'

type Image = VersionRecord['images'][number]

/** Numbers after the version: of one every five seconds, those of some minutes. */
const WINDOW = 64
/** An agent that knows digests by then has them in its newest version; one whose images were loaded by hand never does. */
const LOOKS = 4

/** The version's images, each with its digest as far as one is known. */
export async function imagesWithDigests(
  log: VersionLog,
  { n, pod, images }: VersionRecord,
): Promise<readonly Image[]> {
  if (images.every(({ digest }) => digest !== undefined)) return images
  const below = n + WINDOW + 1
  const later = (await log.numbers({ below, limit: WINDOW })).filter((logged) => logged.n > n)
  let looks = LOOKS
  for (const logged of later) {
    const record = (await log.record(logged.n))?.record
    if (record?.kind !== 'version' || record.pod.uid !== pod.uid) continue
    if (record.images.some(({ digest }) => digest !== undefined))
      return images.map((image) =>
        image.digest === undefined ? withDigestOf(image, record.images) : image,
      )
    looks -= 1
    if (looks === 0) break
  }
  return images
}

/** Of the same image, by the name that the spec has for it. */
function withDigestOf(image: Image, later: readonly Image[]): Image {
  const digest = later.find(
    (one) => one.container === image.container && one.image === image.image,
  )?.digest
  return digest === undefined ? image : { ...image, digest }
}
