/**
 * Request bodies, read no further than they may be long.
 * @module
 */

/** A body that was read as JSON, or why it was not. */
export type JsonBody = { value: unknown } | { fault: "too_large" | "malformed" };

/**
 * Reads a body as JSON in UTF-8. Stops reading at the limit, whatever the request says of its length.
 * @param maxBytes the longest body that is read
 */
export async function readJson(request: Request, maxBytes: number): Promise<JsonBody> {
  const bytes = await readBytes(request, maxBytes);
  if (bytes === null) return { fault: "too_large" };
  try {
    return { value: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) };
  } catch {
    return { fault: "malformed" };
  }
}

/** @returns `null` if the body is longer than `maxBytes` */
async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array | null> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return null;
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = request.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.byteLength;
    if (length > maxBytes) {
      // Not waited for: the sender need not notice before it has our answer.
      reader.cancel().catch(() => {});
      return null;
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
