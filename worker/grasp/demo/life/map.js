// The picture: where each event and each commit is.
import { clock, el, remaining, short } from "./elements.js";

const FLIGHT_MS = 650;
const MINUTE_MS = 60_000;

/** How long other servers are left alone after a client's event, and a busy one after its answer, in milliseconds. */
const FIRST_DELAY_MS = 3 * MINUTE_MS;
const REST_MS = MINUTE_MS;

/** Chips by key, so that one that changes its box moves there. */
const chips = new Map();

/**
 * Draws a snapshot.
 * @param root the picture
 */
export function drawMap(root, snapshot) {
  aheadMs = snapshot.nowMs - Date.now();
  const wanted = [...eventChips(snapshot), ...commitChips(snapshot)];
  const before = new Map([...chips].map(([key, chip]) => [key, chip.element.getBoundingClientRect()]));
  const keys = new Set(wanted.map(({ key }) => key));
  for (const [key, { element }] of chips) {
    if (keys.has(key)) continue;
    element.remove();
    chips.delete(key);
  }
  const isFirst = root.dataset.drawn === undefined;
  root.dataset.drawn = "yes";
  const moved = [];
  for (const { key, box, from, ...content } of wanted) {
    let chip = chips.get(key);
    const isNew = chip === undefined;
    if (isNew) {
      chip = { element: el("li"), box: null };
      chips.set(key, chip);
    }
    fill(chip.element, content);
    if (chip.box === box) continue;
    root.querySelector(`[data-box="${box}"]`).append(chip.element);
    chip.box = box;
    if (!isFirst)
      moved.push({ element: chip.element, start: isNew ? startOf(root, before, from) : before.get(key) });
  }
  root.querySelector("#box-repository .box-note").textContent = repositoryNote(snapshot);
  drawOthers(root.querySelector(".others"), snapshot);
  for (const { element, start } of moved) fly(element, start);
}

/** What the other servers were asked, what they answered, and when each is asked next. */
function drawOthers(list, { others, events, npub }) {
  const waits = events.findLast(({ name, place }) => name === "state" && place === "waits");
  const text = JSON.stringify([npub, others, waits]);
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(
    ...others.flatMap(({ name, lines }) => [
      el("dt", "", name),
      ...lines.map((line) => el("dd", "", el("span", "", line.text), el("time", "", clock(line.atMs)))),
      ...[nextQuestion(lines, waits)].filter((next) => next !== null),
    ]),
  );
}

/** What a server waits for: the first delay, or the end of its rest. */
function nextQuestion(lines, waits) {
  const last = lines.at(-1);
  const isAsked = lines.some(({ atMs }) => waits !== undefined && atMs > waits.sinceMs);
  if (waits?.isHunted && !isAsked) {
    return timed("will be asked in", waits.sinceMs + FIRST_DELAY_MS);
  }
  if (last?.text.includes("429")) return timed("left alone for", last.atMs + REST_MS);
  return lines.length === 0 ? el("dd", "silence", "not asked yet") : null;
}

function timed(before, untilMs) {
  const timer = el("span", "");
  timer.dataset.until = untilMs;
  timer.textContent = time(untilMs);
  return el("dd", "silence", el("span", "", `${before} `, timer));
}

function repositoryNote({ done, refs }) {
  if (refs === null) return done.length === 0 ? "There is none yet." : "There is none: it answers 404.";
  return refs.length === 0 ? "It is empty, and ready for a push." : "Commits that everyone can clone.";
}

/** Counts down what waits. Called each second. */
export function tick(root) {
  for (const timer of root.querySelectorAll("[data-until]")) {
    timer.textContent = time(Number(timer.dataset.until));
  }
}

/** How far the server's clock is ahead: the visitor may let time pass. */
let aheadMs = 0;

const time = (untilMs) => remaining(untilMs - Date.now() - aheadMs);

/** An event is in one place. */
function eventChips({ events }) {
  const boxes = { waits: "purgatory", served: "relay" };
  return events
    .filter(({ place }) => place !== "gone")
    .map(({ id, name, by, place, untilMs, needs }) => ({
      key: `event ${id}`,
      box: boxes[place] ?? by.toLowerCase(),
      from: by.toLowerCase(),
      kind: `event is-${place}`,
      name,
      detail: place === "waits" && needs !== null ? `needs ${short(needs)}` : `by ${by}`,
      untilMs,
    }));
}

/** A commit may be in several places. */
function commitChips({ commits, refs, events }) {
  const named = new Set(events.flatMap(({ needs }) => needs ?? []));
  const onServer = new Map((refs ?? []).filter(([ref]) => ref !== "HEAD").map(([ref, id]) => [id, ref]));
  return commits.flatMap(({ id, subject, by, isKept, isElsewhere, isRefused }) => {
    const from = by.toLowerCase();
    const chip = (box, kind, detail) => ({
      key: `${box} ${id}`,
      box,
      from,
      kind: `commit ${kind}`,
      name: short(id),
      detail,
      untilMs: null,
    });
    const ref = onServer.get(id);
    return [
      chip(
        from,
        isRefused && !named.has(id) ? "is-refused" : "",
        isRefused ? `${subject} (refused)` : subject,
      ),
      ...(isElsewhere ? [chip("others", "", "on Brook")] : []),
      ...(isKept ? [chip("purgatory", "is-waits", "upload without its event")] : []),
      ...(ref === undefined ? [] : [chip("repository", "is-served", nameOf(ref))]),
    ];
  });
}

function nameOf(ref) {
  return ref.startsWith("refs/nostr/") ? "pull request" : ref.replace(/^refs\/(heads|tags)\//, "");
}

function fill(element, { kind, name, detail, untilMs }) {
  const text = [kind, name, detail, untilMs].join(" ");
  if (element.dataset.text === text) return;
  element.dataset.text = text;
  element.className = `chip ${kind}`;
  const timer = untilMs === null ? null : el("span", "chip-clock");
  if (timer !== null) {
    timer.dataset.until = untilMs;
    timer.textContent = time(untilMs);
    timer.title = "Discarded after this time, unless its data arrives";
  }
  element.replaceChildren(
    el("span", "chip-name", name),
    el("span", "chip-detail", detail),
    ...(timer === null ? [] : [timer]),
  );
}

/** Where a new chip comes from: its author's box. */
function startOf(root, _before, from) {
  return root.querySelector(`[data-box="${from}"]`)?.parentElement.getBoundingClientRect() ?? null;
}

/** Lets a chip fly from where it was to where it is. */
function fly(element, start) {
  if (start === null || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const end = element.getBoundingClientRect();
  const [x, y] = [start.left - end.left, start.top - end.top];
  if (Math.hypot(x, y) < 4) return;
  element.animate(
    [
      { transform: `translate(${x}px, ${y}px)`, opacity: 0.4 },
      { transform: "none", opacity: 1 },
    ],
    {
      duration: FLIGHT_MS,
      easing: "cubic-bezier(0.3, 0.1, 0.2, 1)",
    },
  );
}
