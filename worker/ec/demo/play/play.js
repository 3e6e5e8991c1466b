// The partner's page: sends a partner's requests and explains the responses.
import { el, json } from "./elements.js";

const find = (selector) => document.querySelector(selector);

/** The status of a response, in the colour of its class. */
function statusLine({ status }, what) {
  const isGood = status < 300 && status !== 207;
  const kind = isGood ? "good" : status < 500 ? "odd" : "bad";
  return el("p", "status", el("b", kind, String(status)), ` ${what}`);
}

const block = (value) => el("pre", "", ...json(value));

/** Shows a response, or that there was none. Screen readers announce only its first line. */
async function show(place, ask) {
  const line = el("div", "");
  line.setAttribute("role", "status");
  const rest = el("div", "");
  place.replaceChildren(line, rest);
  try {
    const [first, ...others] = await ask();
    line.append(first);
    rest.append(...others);
  } catch {
    line.append(el("p", "status", el("b", "bad", "No answer"), " The server cannot be reached."));
  }
}

// Pixel

const PIXEL_REASONS = {
  no_ec: "The browser has no id of the Gazette, so there is no entry for the partner’s id.",
  no_consent: "The visitor’s consent does not allow an id.",
  write_failed: "The graph does not know the visitor’s id, or could not be written to.",
};

const returned = new URLSearchParams(location.search);
if (returned.has("ts_synced")) {
  const isSynced = returned.get("ts_synced") === "1";
  const reason = returned.get("ts_reason");
  find("#pixel-result").replaceChildren(
    el(
      "p",
      "status",
      el("b", isSynced ? "good" : "odd", isSynced ? "ts_synced=1" : `ts_synced=0 ts_reason=${reason}`),
      isSynced ? " The browser is back, and the id is in the graph." : ` ${PIXEL_REASONS[reason] ?? ""}`,
    ),
  );
}

// Batch upload

const BATCH_ANSWERS = {
  accepted: "It is in the graph, unless the graph has a newer one.",
  invalid_ec_id: "That is no EC id: 64 hex digits, a dot, 6 letters or digits.",
  invalid_uid: "The partner’s id must have 1 to 256 characters, none of them a control character.",
  invalid_timestamp: "The time is more than an hour in the future: a clock is wrong.",
  ec_id_not_found: "It has the form of an id, but the graph does not know it.",
  consent_withdrawn: "Consent was withdrawn: a tombstone refuses every write.",
  kv_unavailable: "The store did not take it. Send it again later.",
};

const BATCH_STATUS = {
  200: "Every mapping was accepted.",
  207: "Some mappings were not accepted; each has its own answer.",
  400: "The upload itself is malformed.",
  401: "No partner has this key.",
  413: "The upload is too long.",
  429: "Too many uploads in a minute.",
  503: "The store does not answer, so the key could not be checked.",
};

const batchForm = find("#batch-form");
const list = find(".mappings");
const pattern = list.lastElementChild.cloneNode(true);

function mappings() {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return [...list.children].map((item) => ({
    ec_id: item.querySelector("[name=ec_id]").value,
    partner_uid: item.querySelector("[name=partner_uid]").value,
    timestamp: nowSeconds - Number(item.querySelector("[name=age]").value),
  }));
}

/** Quotes a word for a shell. */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function drawCurl() {
  find("#batch-curl").textContent = [
    `curl -i http://127.0.0.1:${location.port}/_ts/api/v1/sync`,
    `-H ${quoted(`Authorization: Bearer ${find("#batch-key").value}`)}`,
    `-d ${quoted(JSON.stringify({ mappings: mappings() }))}`,
  ].join(" \\\n  ");
}

function answerRows(sent, errors) {
  const reasons = new Map(errors.map(({ index, reason }) => [index, reason]));
  return sent.map(({ ec_id }, index) => {
    const answer = reasons.get(index) ?? "accepted";
    const shortId = ec_id.length > 20 ? `${ec_id.slice(0, 8)}…${ec_id.slice(-7)}` : ec_id;
    return el(
      "tr",
      "",
      el("th", "", el("code", "", shortId)),
      el("td", "", el("b", reasons.has(index) ? "odd" : "good", answer)),
      el("td", "", BATCH_ANSWERS[answer] ?? ""),
    );
  });
}

async function upload() {
  const sent = mappings();
  const response = await fetch("/_ts/api/v1/sync", {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${find("#batch-key").value}` },
    body: JSON.stringify({ mappings: sent }),
  });
  const body = await response.json();
  const line = statusLine(response, BATCH_STATUS[response.status] ?? "");
  if (body.errors === undefined) return [line, block(body)];
  const head = el("tr", "", el("th", "", "EC id"), el("th", "", "Answer"), el("th", "", "What that means"));
  const table = el(
    "table",
    "",
    el("caption", "", `${body.accepted} accepted, ${body.rejected} rejected`),
    el("thead", "", head),
    el("tbody", "", ...answerRows(sent, body.errors)),
  );
  return [line, table];
}

batchForm.addEventListener("submit", (event) => {
  event.preventDefault();
  show(find("#batch-result"), upload);
});
batchForm.addEventListener("input", drawCurl);
find("#batch-add").addEventListener("click", () => {
  const item = pattern.cloneNode(true);
  item.querySelector("small").textContent = "";
  item.querySelector("[name=ec_id]").value = "";
  item.querySelector("[name=partner_uid]").value = "";
  list.append(item);
  item.querySelector("[name=ec_id]").focus();
  drawCurl();
});
list.addEventListener("click", ({ target }) => {
  if (target.name !== "remove") return;
  target.closest("li").remove();
  find("#batch-add").focus();
  drawCurl();
});
drawCurl();

// Identify

const identityHeaders = (response) =>
  Object.fromEntries([...response.headers].filter(([name]) => name.startsWith("x-ts-")));

/** Decodes base64 of JSON in UTF-8. */
const decoded = (base64) =>
  JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))));

const IDENTIFY_STATUS = {
  200: "The page knows who you are.",
  204: "You have no id, so the answer is empty.",
  403: "Consent does not allow an id, so the page gets none.",
};

async function identify() {
  const response = await fetch("/identify");
  const line = statusLine(response, IDENTIFY_STATUS[response.status] ?? "");
  if (response.status === 204) return [line];
  const headers = identityHeaders(response);
  const parts = [line, el("h3", "", "Body"), block(await response.json())];
  if (Object.keys(headers).length > 0) parts.push(el("h3", "", "Headers"), block(headers));
  if (headers["x-ts-eids"] !== undefined) {
    parts.push(el("h3", "", "x-ts-eids, decoded"), block(decoded(headers["x-ts-eids"])));
  }
  return parts;
}

find("#identify-ask").addEventListener("click", () => show(find("#identify-result"), identify));

// Auction

async function auction() {
  const response = await fetch("/auction", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: find("#auction-request").textContent,
  });
  const body = await response.json();
  const bid = body.seatbid?.[0]?.bid[0];
  if (bid === undefined) return [statusLine(response, ""), block(body)];
  const { user } = body.ext.received;
  const knows = user === undefined ? "nothing of who is there" : "this of who is there";
  return [
    statusLine(response, `Quickbeck bids € ${bid.price.toFixed(2)} for a thousand views.`),
    el("h3", "", `It received ${knows}`),
    ...(user === undefined ? [] : [block({ user })]),
    el("details", "", el("summary", "", "The whole bid request as it received it"), block(body.ext.received)),
  ];
}

find("#auction-hold").addEventListener("click", () => show(find("#auction-result"), auction));

// Deletion

const FORGET_STATUS = {
  204: "The cookie and the graph’s entry are deleted.",
  401: "There is no cookie, so nothing identifies you, and nothing is deleted.",
  503: "The store does not answer and may still have your id. Try again later.",
};

async function forget() {
  const response = await fetch("/_ts/api/v1/identity", { method: "DELETE" });
  const line = statusLine(response, FORGET_STATUS[response.status] ?? "");
  if (response.status === 204) find("#visitor").replaceChildren("nobody any more");
  return response.status === 204 ? [line] : [line, block(await response.json())];
}

find("#forget-me").addEventListener("click", () => show(find("#forget-result"), forget));
