/**
 * What the proxy and the service that it serves tell each other about a request.
 * @module
 */

/** Why an exchange did not bring the origin's whole response to the client. */
export type ExchangeFault =
  /** The origin cannot be reached, or closed the connection before its response. */
  | "unreachable"
  /** The origin did not respond in time. */
  | "timeout"
  /** The origin closed the connection in the middle of its response. */
  | "broken_off"
  /** The client stopped sending its body. */
  | "upload_stalled"
  /** The client stopped reading the response. */
  | "download_stalled"
  /** The client closed the connection. */
  | "client_left";

/** A service's part in a proxied request. Exactly one of `answered` and `abandoned` is called, once. */
export interface Passage {
  /**
   * Returns the fields of the response to the client.
   * @param fields the fields of the origin's response, as a flat list of names and values
   */
  answered(status: number, fields: readonly string[]): readonly string[] | Promise<readonly string[]>;
  /**
   * The fields of an error that is sent instead of an answer: `answered` was called for it, and it cannot be sent.
   * @param fields flat, name and value in turn
   */
  replaced(fields: readonly string[]): readonly string[];
  /** The client left before there was an answer. */
  abandoned(): void;
}
