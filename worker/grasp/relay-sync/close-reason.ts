/**
 * Why a relay cannot be reached: which faults say that it will not get better soon (table of health).
 * @module
 */
import type { CloseReason } from "../../../runtime/grasp/relay-sync/events.ts";
import { NotPublic } from "../../http/public-lookup.ts";

/** Errors of name servers that say that there is no such name. */
const NO_NAME = new Set(["ENOTFOUND", "ENODATA", "ENONAME", "EAI_NONAME", "EAI_NODATA"]);
const TLS =
  /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_PURPOSE|EPROTO)/;
const PROTOCOL = /^(?:WS_ERR|HPE_|ERR_INVALID_HTTP)/;
/** The library has no codes for faults of the opening handshake. */
const HANDSHAKE = /^(?:Invalid |Server sent |Unexpected server response)/;

/** The reason behind an error of resolution, TLS, HTTP or the WebSocket. */
export function reasonOfError(error: unknown): CloseReason {
  if (error instanceof NotPublic) return "address";
  const { code, message } = error as { code?: unknown; message?: unknown };
  const name = typeof code === "string" ? code : "";
  if (name === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return "too-large";
  if (NO_NAME.has(name)) return "dns";
  if (TLS.test(name)) return "tls";
  if (PROTOCOL.test(name) || HANDSHAKE.test(String(message))) return "protocol";
  return "connection";
}

/** The reason behind an answer other than 101. A busy or restarting server says 429 or 5xx. */
export function reasonOfStatus(status: number): CloseReason {
  return status === 408 || status === 429 || status >= 500 ? "connection" : "protocol";
}
