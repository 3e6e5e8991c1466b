// Mends what `jco serve` 1.35 does wrong; other hosts of WASI HTTP do not need it.
//
//   jco serve --jco-import ./jco-mends.mjs …
import { createRequire } from "node:module";

// The copy that jco itself uses, not one beside it.
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
    // Of several headers of one name only the last is sent. Names are told apart by case here, and by nobody else.
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

/** The name with as many letters in upper case as the number has bits, and in their places. */
function inCase(name, number) {
  let bit = 0;
  return name.replace(/[a-z]/g, (letter) => (number & (1 << bit++) ? letter.toUpperCase() : letter));
}

const { get } = FutureIncomingResponse.prototype;
FutureIncomingResponse.prototype.get = function () {
  const result = get.call(this);
  const response = result?.tag === "ok" && result.val.tag === "ok" ? result.val.val : undefined;
  if (response !== undefined) {
    // Several cookies that a server sets arrive as one, with commas in between, which dates have, too.
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
