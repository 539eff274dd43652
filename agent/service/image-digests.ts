import type { RecordedImage } from '../../shared/repository/log-record.ts'
import type { ReportAnswer } from '../../shared/service-contract.ts'

/** The images as the pod was created with them, and by which digest each runs as far as is known; a later answer may know more. */
export function withDigests(
  images: readonly RecordedImage[],
  answer: ReportAnswer,
): RecordedImage[] {
  return images.map((recorded) => {
    const running = answer.images.find(({ container }) => container === recorded.container)
    // Somebody has set another image on the live pod: its digest is not this one's.
    if (running === undefined || running.image !== recorded.image) return recorded
    const digest = running.digest?.split('@')[1]
    return digest === undefined ? recorded : { ...recorded, digest }
  })
}
