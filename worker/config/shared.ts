/**
 * The fields of the configuration that all services share.
 * @module
 */
import * as v from "valibot";
import { isRange } from "../../runtime/lib/addresses.ts";
import { fields, flag, hostName, secretHash, text, whole } from "../../runtime/lib/schema.ts";
import { LOG_LEVELS } from "../../runtime/observe/log.ts";

/** Narrower than a field name (RFC 9110, section 5.6.2), because other texts are mistakes, for example a wildcard. */
const HEADER_NAME = /^[A-Za-z0-9][\w-]{0,99}$/;

/** A section that is optional if all of its fields are. */
export function section<Entries extends v.ObjectEntries>(entries: Entries) {
  return v.optional(fields(entries), {} as never);
}

function headerName() {
  const expected = "a header's name such as x-real-ip, or null";
  return v.nullish(
    v.pipe(
      text(expected, (name) => HEADER_NAME.test(name)),
      v.toLowerCase(),
    ),
    null,
  );
}

/** A host name or address to listen on. IPv6 with or without brackets; the output has none. */
function listenHost() {
  const expected = "a host name or an address, such as 127.0.0.1, :: or localhost";
  return v.pipe(
    v.string(expected),
    v.transform((given) => (/^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(given) ? `[${given}]` : given)),
    v.check((given) => v.is(hostName(), given), expected),
    v.transform((given) => given.replace(/^\[(.*)\]$/, "$1").toLowerCase()),
  );
}

/** Default port of every service. */
const PORT = 8787;

/** Where a service listens. */
export function listenAddress(port = PORT) {
  return fields({
    host: v.optional(listenHost(), "127.0.0.1"),
    port: v.optional(whole(0, 65_535, "a port"), port),
  });
}

/** The number of proxies in front, or their address ranges. */
export function trustedProxies() {
  const expected = "a number of proxies from 0 to 20, or a list of address ranges such as 10.0.0.0/8";
  return v.union(
    [
      whole(0, 20, "a number of proxies"),
      v.array(
        v.pipe(
          v.string(expected),
          v.check((given) => isRange(given), expected),
        ),
        expected,
      ),
    ],
    expected,
  );
}

/** The schemas of the shared sections, by name. */
export const sharedEntries = {
  listen: v.optional(listenAddress(), {}),
  client: section({
    ipHeader: headerName(),
    countryHeader: headerName(),
    regionHeader: headerName(),
    protocolHeader: headerName(),
    trustedProxies: v.optional(trustedProxies(), 0),
  }),
  operator: section({
    tokenHash: v.nullish(secretHash(), null),
    readOnlyTokenHash: v.nullish(secretHash(), null),
  }),
  stop: section({
    drainDelaySeconds: v.optional(whole(0, 600, "a whole number of seconds"), 0),
  }),
  log: section({
    level: v.nullish(v.picklist(LOG_LEVELS, `one of ${LOG_LEVELS.join(", ")}, or null`), null),
    access: v.optional(flag(), false),
  }),
};

const sharedSchema = v.object(sharedEntries);

/** The type that the schemas accept. {@link SharedInput} is the same, with comments. */
export type SharedSchemaInput = v.InferInput<typeof sharedSchema>;

/** The shared sections with their defaults. */
export type SharedConfig = v.InferOutput<typeof sharedSchema>;

export type { SharedInput } from "./shared-fields.ts";
