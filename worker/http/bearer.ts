/** A longer token is refused unread. */
const MAX_TOKEN_LENGTH = 4096;

/** The token of an `Authorization: Bearer` header (RFC 6750); `null` if there is none. */
export function bearerToken(authorization: string | undefined): string | null {
  const token = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  return token !== undefined && token.length <= MAX_TOKEN_LENGTH ? token : null;
}
