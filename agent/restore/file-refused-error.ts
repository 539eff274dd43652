/** The file system refused to write a file of the plan. */
export class FileRefusedError extends Error {
  readonly row: number

  /** @param cause what the file system said. */
  constructor(row: number, cause: unknown) {
    super(`file ${row} cannot be written`, { cause })
    this.row = row
  }
}
