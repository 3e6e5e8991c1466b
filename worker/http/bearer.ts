/** Maximum length of a token, in characters. */
const MAX_TOKEN_LENGTH = 4096;

/**
 * The token of an `Authorization: Bearer` header (RFC 6750); `null` if there is none.
 *
 * Not hono's `bearerAuth`: it refuses tokens with characters such as `!` or `:`, and a configured token may have any visible
 * ASCII character. Its refusals have status 400 where the API promises 401.
 */
export function bearerToken(authorization: string | undefined): string | null {
  const token = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  return token !== undefined && token.length <= MAX_TOKEN_LENGTH ? token : null;
}
