// Draws one partner's limits and their current use.
import { el, span, svg } from "./elements.js";

const WIDTH = 360;
const MINUTE_MS = 60_000;
/** Maximum number of waiting ids drawn as dots. The rest is a number. */
const MAX_DOTS = 8;

const REASONS = {
  pause: "it asked for a pause",
  window: "its minute is full",
  rest: "it keeps failing",
};

/**
 * Draws a channel: waiting ids, the gate, the requests in flight, and a wheel. Below it the last minute, with a tick for each
 * request.
 */
export function createGate({ maxConcurrent }) {
  const line = svg("g", { class: "p-line" });
  const places = Array.from({ length: maxConcurrent }, (_, index) =>
    svg("circle", { class: "p-place", cx: 190 + index * 20, cy: 18, r: 6 }),
  );
  const minute = svg("g", { class: "p-minute" });
  const drawing = svg(
    "svg",
    { class: "p-gate", viewBox: `0 -7 ${WIDTH} 53`, "aria-hidden": "true" },
    svg("rect", { class: "p-channel", x: 0, y: 11, width: WIDTH, height: 14, rx: 7 }),
    svg("path", { class: "p-frame", d: "M154 -6V31M166 -6V31M151 -6H169" }),
    line,
    svg("g", { class: "p-sluice" }, svg("rect", { x: 157, y: 9, width: 6, height: 18, rx: 1.5 })),
    ...places,
    svg("g", { transform: `translate(${WIDTH - 16} 18)` }, wheel()),
    svg("path", { class: "p-frame", d: `M0 45.2H${WIDTH}` }),
    minute,
  );
  const state = el("p", "p-state");
  const counts = el("p", "p-counts");

  return {
    elements: [drawing, state, counts],
    draw(gate) {
      const nowMs = Date.now();
      const { inFlight, closed } = gate;
      const shutMs = closed === null ? 0 : Math.max(0, closed.untilMs - nowMs);
      const recent = gate.startsMs.filter((atMs) => nowMs - atMs < MINUTE_MS);
      drawing.classList.toggle("p-shut", shutMs > 0);
      drawing.classList.toggle("p-turns", inFlight > 0);
      places.forEach((place, index) => {
        place.classList.toggle("p-taken", index < inFlight);
      });
      line.replaceChildren(...dots(gate.waiting));
      minute.replaceChildren(...recent.map((atMs) => tick(nowMs - atMs)));
      state.textContent = stateOf(gate, shutMs);
      counts.textContent = countsOf(gate, recent.length);
    },
  };
}

function wheel() {
  const spokes = [0, 30, 60, 90, 120, 150].map((angle) =>
    svg("path", { d: "M-13 0H13", transform: `rotate(${angle})` }),
  );
  return svg("g", { class: "p-wheel" }, svg("circle", { r: 10 }), svg("circle", { r: 2.5 }), ...spokes);
}

/** The waiting ids, the first one at the gate. */
function dots(waiting) {
  const drawn = Array.from({ length: Math.min(waiting, MAX_DOTS) }, (_, index) =>
    svg("circle", { cx: 140 - index * 13, cy: 18, r: 4.5 }),
  );
  return waiting > MAX_DOTS ? [...drawn, svg("text", { x: 6, y: 22 }, `+${waiting - MAX_DOTS}`)] : drawn;
}

/** The tick of a request `ageMs` ago. Now is at the right. */
function tick(ageMs) {
  const x = WIDTH * (1 - ageMs / MINUTE_MS);
  return svg("path", { d: `M${Math.min(WIDTH - 1, Math.max(1, x)).toFixed(1)} 36V45` });
}

function stateOf({ closed, inFlight, maxConcurrent }, shutMs) {
  if (shutMs > 0) return `Shut for ${span(shutMs)}: ${REASONS[closed.because]}`;
  return inFlight < maxConcurrent ? "Open" : "Full: the next may go when one is back";
}

function countsOf({ waiting, inFlight, maxConcurrent, maxPerMinute }, started) {
  return [
    waiting === 0 ? "Nobody in line" : `${waiting} in line`,
    `${inFlight} of ${maxConcurrent} under way`,
    `${started} of ${maxPerMinute} a minute`,
  ].join(" · ");
}
