/**
 * Where spans go, by OpenTelemetry's own environment variables.
 * @module
 */
import { type Fault, parseUrl } from "../../runtime/lib/schema.ts";
import type { Environment } from "./environment.ts";

/** Where spans go. */
export interface OtlpSettings {
  /** The collector's URL for traces. */
  readonly url: string;
  /** Header fields for the collector. Their values are secrets. */
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
}

const ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS = "OTEL_EXPORTER_OTLP_HEADERS";
const PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL";

/** Reads the variables. Without an endpoint no spans are sent, and the others say nothing. */
export function otlpSettings(env: Environment): { settings: OtlpSettings | null; faults: Fault[] } {
  const endpoint = env[ENDPOINT] ?? "";
  if (endpoint === "") return { settings: null, faults: [] };
  const faults: Fault[] = [];
  const base = parseUrl(endpoint);
  if (base === null || !/^https?:$/.test(base.protocol) || base.username !== "" || base.password !== "")
    faults.push({
      field: ENDPOINT,
      found: "another text",
      expected: `a URL such as http://127.0.0.1:4318, without user and password; secrets belong into ${HEADERS}`,
    });
  const protocol = env[PROTOCOL] ?? "";
  // OpenTelemetry's default is protobuf. Collectors take both at one address.
  if (protocol === "grpc")
    faults.push({ field: PROTOCOL, found: "grpc", expected: "http/json, which is what millrace sends" });
  const headers = readHeaders(env[HEADERS] ?? "");
  if (headers === null)
    faults.push({ field: HEADERS, found: "another text", expected: "name=value, with commas between them" });
  if (base === null || headers === null || faults.length > 0) return { settings: null, faults };
  const url = `${base.origin}${base.pathname.replace(/\/*$/, "")}/v1/traces${base.search}`;
  const serviceName = env.OTEL_SERVICE_NAME || "millrace";
  return { settings: { url, headers, serviceName }, faults };
}

/** `a=b,c=d`, with values in percent-encoding. */
function readHeaders(text: string): Record<string, string> | null {
  try {
    const pairs = text
      .split(",")
      .map((pair) => pair.trim())
      .filter((pair) => pair !== "")
      .map((pair) => {
        const at = pair.indexOf("=");
        return [pair.slice(0, Math.max(0, at)).trim(), decodeURIComponent(pair.slice(at + 1).trim())];
      });
    return Object.fromEntries(new Headers(pairs as [string, string][]));
  } catch {
    return null;
  }
}
