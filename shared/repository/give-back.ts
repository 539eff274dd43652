/**
 * Gives the memory of bytes back at once that nothing reads any more, where they have it for themselves: the collector
 * sees to buffers only when tens of megabytes of them have come together.
 * @param from what they may be a part of.
 */
export function giveBack(bytes: Buffer, from: Buffer): void {
  const { buffer } = bytes
  if (buffer === from.buffer || buffer.byteLength !== bytes.length) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
