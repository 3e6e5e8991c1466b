// Works around faults of `jco serve` 1.35; other hosts of WASI HTTP do not need it.
//
//   jco serve --jco-import ./jco-fixes.mjs …
import { createRequire } from "node:module";

// The copy that jco itself uses.
const jco = createRequire(import.meta.resolve("@bytecodealliance/jco"));
const { types } = await import(jco.resolve("@bytecodealliance/preview2-shim/http"));
const { FutureIncomingResponse, OutgoingResponse, ResponseOutparam } = types;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

const withBody = new WeakSet();
const { body } = OutgoingResponse.prototype;
OutgoingResponse.prototype.body = function () {
  withBody.add(this);
  return body.call(this);
};

const { set } = ResponseOutparam;
ResponseOutparam.set = (param, result) => {
  if (result.tag === "ok") {
    const response = result.val;
    // A response without a body ends the whole server.
    if (!withBody.has(response)) response.body();
    // jco sends only the last of several headers with one name. It treats names as case-sensitive, clients do not.
    const { headers } = response;
    response.headers = () => ({ entries: () => apart(headers.call(response).entries()) });
  }
  set(param, result);
};

function apart(entries) {
  const seen = new Map();
  return entries.map(([name, value]) => {
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return [inCase(name, count), value];
  });
}

/** The name with an upper-case letter for each bit of the number, at the position of the bit. */
function inCase(name, number) {
  let bit = 0;
  return name.replace(/[a-z]/g, (letter) => (number & (1 << bit++) ? letter.toUpperCase() : letter));
}

const { get } = FutureIncomingResponse.prototype;
FutureIncomingResponse.prototype.get = function () {
  const result = get.call(this);
  const response = result?.tag === "ok" && result.val.tag === "ok" ? result.val.val : undefined;
  if (response !== undefined) {
    // Several `set-cookie` fields arrive joined by commas. Dates contain commas, too.
    const fields = response.headers();
    const entries = fields.entries().flatMap(([name, value]) => {
      if (name !== "set-cookie") return [[name, value]];
      const cookies = decoder.decode(value).split(/,(?=[^;,=\s]+=)/);
      return cookies.map((cookie) => [name, encoder.encode(cookie)]);
    });
    fields.entries = () => entries;
    fields.get = (wanted) =>
      entries.filter(([name]) => name === wanted.toLowerCase()).map(([, value]) => value);
  }
  return result;
};
