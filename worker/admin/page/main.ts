/** The shell of the operator's page: sign-in, polling, health, navigation and counters. The service's panel does the rest. */

import type { Past } from "../past.ts";
import type { InstanceStatus } from "../status.ts";
import { ask, Refusal, sentence, setToken, whenExpired } from "./api.ts";
import { drawCounters } from "./counters.ts";
import { el, find, setText } from "./dom.ts";
import { type Sample, sampleOf, samplesOf, startOf, withSample } from "./history.ts";
import { formatDuration, formatTime, formatTimeOfDay } from "./numbers.ts";
import type { Panel, View } from "./panel.ts";

const POLL_MS = 2000;
/** Polls between two health checks. A health check uses the store; a poll does not. */
const POLLS_PER_HEALTH = 5;

/** The page's paths are relative to its own address, which the service chooses. */
const STATUS_PATH = "status";
const PAST_PATH = "past";
const READY_PATH = "../ready";
/** Time without an answer after which the page asks for what the server kept meanwhile, in milliseconds. */
const GAP_MS = 10_000;

let panel: Panel;
let samples: Sample[] = [];
let lastStatus: InstanceStatus | null = null;
/** When the last answer came. */
let answeredMs = 0;
/** When the first sample of this session was taken. */
let signedInMs = 0;
/** The time of the first sample that the server kept; `null`: it keeps none. */
let keptMs: number | null = null;
let polls = 0;
let timer: number | undefined;
let isPaused = false;
/** Number of sign-ins. An answer requested before a sign-out is not shown after it. */
let session = 0;

/** Starts the page. @param given the service's panel */
export function startShell<Status extends InstanceStatus>(given: Panel<Status>): void {
  // The page of a service asks this service only.
  panel = given as unknown as Panel;
  panel.start();
  const sections = [...document.querySelectorAll<HTMLElement>("#app section[data-nav]")];
  find("nav").replaceChildren(
    ...sections.map(({ id, dataset }) => el("a", { href: `#${id}` }, dataset.nav!)),
  );
  find("#sign-in form").addEventListener("submit", (event) => {
    event.preventDefault();
    const token = find<HTMLInputElement>("#token").value.trim();
    find("#sign-in-fault").textContent = "";
    if (/^[\x21-\x7e]+$/.test(token)) void signIn(token);
    else find("#sign-in-fault").textContent = "A token is visible ASCII characters without spaces.";
  });
  find("#sign-out").addEventListener("click", () => signOut("Signed out."));
  find("#pause").addEventListener("click", () => setPaused(!isPaused));
  document.addEventListener("visibilitychange", () => {
    if (find("#app").hidden || isPaused) return;
    if (document.hidden) window.clearTimeout(timer);
    else void poll();
  });
  // A chart has the width of its place, so a new width needs a new drawing.
  let drawnWidth = 0;
  new ResizeObserver(([entry]) => {
    const { width } = entry!.contentRect;
    if (width === drawnWidth) return;
    drawnWidth = width;
    draw();
  }).observe(find("#app"));
  whenExpired((message) => {
    if (!find("#app").hidden) signOut(`Signed out: ${message}`);
  });
  find("#plain-http").hidden = window.isSecureContext;
}

// Drawing

function take(status: InstanceStatus): void {
  lastStatus = status;
  const nowMs = performance.now();
  if (samples.length === 0) signedInMs = nowMs;
  answeredMs = nowMs;
  samples = withSample(samples, sampleOf(status, panel.figuresOf(status), nowMs));
  draw();
}

function draw(): void {
  const last = samples.at(-1);
  if (lastStatus === null || last === undefined) return;
  const view: View = { status: lastStatus, samples, nowMs: last.atMs, recent: drawSince() };
  drawFacts(lastStatus);
  panel.draw(view);
  drawCounters(lastStatus);
}

function drawFacts(status: InstanceStatus): void {
  const { instance, started_ms, now_ms, lives_between_requests } = status;
  const title = panel.titleOf(status);
  setText(find("#title"), title);
  const facts = [`instance ${instance}`, `up ${formatDuration(now_ms - started_ms)}`, panel.factsOf(status)];
  setText(find("#facts"), `${title}: ${facts.join(", ")}`);
  find("#fleeting").hidden = lives_between_requests;
  const instances = new Set(samples.map(({ instance }) => instance)).size;
  find("#several").hidden = instances < 2;
  setText(find("#instances"), String(instances));
}

/** Shows when the recent figures begin. @returns the period of the recent figures */
function drawSince(): string {
  const startMs = startOf(samples);
  find("#since").hidden = startMs === null;
  if (startMs === null) return "in the last 5 min";
  const time = formatTime(Date.now() - (performance.now() - startMs));
  const cause =
    startMs === keptMs
      ? "when the instance started"
      : startMs === signedInMs
        ? "when this page was opened"
        : "when this page resumed";
  setText(
    find("#since"),
    `Charts and recent figures: since ${time}, ${cause}. All other figures: since the instance started.`,
  );
  return `since ${time}`;
}

// Polling

async function poll(): Promise<void> {
  const asked = session;
  const isHealthDue = polls++ % POLLS_PER_HEALTH === 0;
  try {
    const [status] = await Promise.all([ask("GET", STATUS_PATH), isHealthDue ? checkHealth() : null]);
    if (performance.now() - answeredMs > GAP_MS) await takePast(status as InstanceStatus);
    if (asked !== session) return;
    take(status as InstanceStatus);
    setTrouble("");
  } catch (error) {
    if (asked !== session) return;
    if (error instanceof Refusal && error.status === 0) setHealth("no answer");
    // The next successful poll checks the health, too.
    polls = 0;
    setTrouble(`${sentence(error)} The page shows the answer of ${timeOfAnswer()} and keeps trying.`);
  }
  schedule();
}

function schedule(): void {
  window.clearTimeout(timer);
  if (!isPaused && !document.hidden) timer = window.setTimeout(poll, POLL_MS);
}

/** When the answer that the page shows came, and how long ago that was. */
function timeOfAnswer(): string {
  const agoMs = performance.now() - answeredMs;
  return `${formatTimeOfDay(Date.now() - agoMs)}, ${formatDuration(agoMs)} ago,`;
}

function setTrouble(text: string): void {
  find("#trouble").hidden = text === "";
  setText(find("#trouble"), text);
}

/** Puts what the instance kept in the place of the samples. Without it the page begins with its own. */
async function takePast({ instance }: InstanceStatus): Promise<void> {
  const past = (await ask("GET", PAST_PATH).catch(() => null)) as Past | null;
  if (past === null || past.instance !== instance || past.samples.length === 0) return;
  samples = samplesOf(past, performance.now());
  keptMs = samples[0]!.atMs;
}

async function checkHealth(): Promise<void> {
  try {
    await ask("GET", READY_PATH);
    setHealth("healthy");
  } catch (error) {
    setHealth(error instanceof Refusal && error.status === 503 ? "not ready" : "no answer");
  }
}

function setHealth(text: string): void {
  const badge = find("#health");
  badge.className = `badge ${text === "healthy" ? "good" : "bad"}`;
  setText(badge, text);
}

function setPaused(paused: boolean): void {
  isPaused = paused;
  const toggle = find("#pause");
  setText(toggle, paused ? "Resume" : "Pause");
  toggle.setAttribute("aria-pressed", String(paused));
  schedule();
}

// Signing in and out

async function signIn(token: string): Promise<void> {
  const field = find<HTMLInputElement>("#token");
  const submit = find<HTMLButtonElement>("#sign-in button");
  submit.disabled = true;
  setToken(token);
  try {
    const status = (await ask("GET", STATUS_PATH)) as InstanceStatus;
    field.value = "";
    find("#sign-in").hidden = true;
    find("#app").hidden = false;
    session++;
    await takePast(status);
    setPaused(false);
    take(status);
    void checkHealth();
    panel.signedIn();
    find("#heading").focus();
  } catch (error) {
    setToken(null);
    find("#sign-in-fault").textContent = sentence(error);
    field.focus();
    field.select();
  } finally {
    submit.disabled = false;
  }
}

/** Forgets the token, and removes everything that was shown. */
function signOut(message: string): void {
  setToken(null);
  session++;
  window.clearTimeout(timer);
  samples = [];
  lastStatus = null;
  panel.signedOut();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  find("#app").hidden = true;
  find("#sign-in").hidden = false;
  find("#sign-in-fault").textContent = message;
  find("#token").focus();
}
