/**
 * A response with headers that can be changed.
 * @module
 */

/**
 * Bun gives a text its media type when it sends it, not before. It knows the text no more once it is a stream, as it is in a
 * response around another one's body.
 */
let typesWhenSent: boolean | undefined;

/**
 * Copies a response around the same body, which is not read and keeps streaming. The copy's headers can be changed: those
 * of a response from the network cannot, and one that a handler gives out again and again must not be. The copy is sent
 * with the media type that the response would have been sent with. The response cannot be sent any more.
 */
export function copyResponse(response: Response): Response {
  typesWhenSent ??= !new Response("text").headers.has("content-type");
  if (typesWhenSent && !response.headers.has("content-type")) {
    const copy = response.clone();
    // A stream is shared from now on. Without its other reader nothing piles up for that.
    response.body?.cancel().catch(() => {});
    return copy;
  }
  // Before the body is looked at: the responses of `@hono/node-server` then become others, with other types.
  const headers = new Headers(response.headers);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
