/** Something that keeps the process from starting. Its message says what to do about it. */
export class StartError extends Error {
  override readonly name = "StartError";
}
