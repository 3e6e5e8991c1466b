/**
 * Whether the host sets the media type of a text when it sends it (Bun). Such a host no longer recognises the text in a response
 * around the body of another response, which is a stream.
 */
let setsTypeOnSend: boolean | undefined;

/**
 * Copies a response so that its headers can be changed: those of a response from the network cannot, and a response that a handler
 * returns repeatedly must not change. Both share the body, which keeps streaming. The copy gets the media type that the response
 * would have been sent with. The response itself can no longer be sent.
 */
export function copyResponse(response: Response): Response {
  setsTypeOnSend ??= !new Response("text").headers.has("content-type");
  if (setsTypeOnSend && !response.headers.has("content-type")) {
    const copy = response.clone();
    // The two now share a stream. Without the second reader nothing is buffered for it.
    response.body?.cancel().catch(() => {});
    return copy;
  }
  // Read the headers first: reading the body of a response of `@hono/node-server` changes them.
  const headers = new Headers(response.headers);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
