/**
 * Memory of chunks that passed through (V8, G19). The collector comes late for what is outside its heap, and a process would grow by
 * as much.
 * @module
 */

/** Frees the memory of a chunk, unless it is a part of more. The chunk may not be used afterwards. */
export function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** Joins chunks, and frees them if they were copied. @param chunks at least one */
export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const whole = Buffer.concat(chunks);
  for (const chunk of chunks) free(chunk);
  return whole;
}
