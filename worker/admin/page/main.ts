/** The operator's page: signing in and out, and asking the service every other second how it is. */
import type { Status } from "../../ec/admin/status.ts";
import { ask, Refusal, sentence, setToken, whenExpired } from "./api.ts";
import { find, setText } from "./dom.ts";
import { type Sample, sampleOf, withSample } from "./history.ts";
import { clearLookup, startLookup } from "./identity.ts";
import { drawOverview } from "./overview.ts";
import { clearPartners, loadPartners, startPartners } from "./partners.ts";

const POLL_MS = 2000;
/** Health is asked for with every so many polls: unlike them, it makes the store work. */
const POLLS_PER_HEALTH = 5;

let samples: Sample[] = [];
let lastStatus: Status | null = null;
let polls = 0;
let timer: number | undefined;
let isPaused = false;
/** Counts sign-ins, so that an answer that was asked for before signing out is not shown after it. */
let session = 0;

function take(status: Status): void {
  lastStatus = status;
  samples = withSample(samples, sampleOf(status, performance.now()));
  drawOverview(status, samples);
  const instances = new Set(samples.map(({ instance }) => instance)).size;
  find("#several").hidden = instances < 2;
  setText(find("#instances"), String(instances));
}

async function poll(): Promise<void> {
  const asked = session;
  const isHealthDue = polls++ % POLLS_PER_HEALTH === 0;
  try {
    const [status] = await Promise.all([ask("GET", "/_ts/admin/status"), isHealthDue ? checkHealth() : null]);
    if (asked !== session) return;
    take(status as Status);
    setTrouble("");
  } catch (error) {
    if (asked !== session) return;
    if (error instanceof Refusal && error.status === 0) setHealth("no answer");
    // As soon as it answers again.
    polls = 0;
    setTrouble(`${sentence(error)} What is shown is from before; trying again.`);
  }
  schedule();
}

function schedule(): void {
  window.clearTimeout(timer);
  if (!isPaused && !document.hidden) timer = window.setTimeout(poll, POLL_MS);
}

function setTrouble(text: string): void {
  find("#trouble").hidden = text === "";
  setText(find("#trouble"), text);
}

async function checkHealth(): Promise<void> {
  try {
    await ask("GET", "/_ts/ready");
    setHealth("healthy");
  } catch (error) {
    setHealth(error instanceof Refusal && error.status === 503 ? "not ready" : "no answer");
  }
}

function setHealth(text: string): void {
  const pill = find("#health");
  pill.className = `badge ${text === "healthy" ? "good" : "bad"}`;
  setText(pill, text);
}

async function signIn(given: string): Promise<void> {
  const field = find<HTMLInputElement>("#token");
  const submit = find<HTMLButtonElement>("#sign-in button");
  submit.disabled = true;
  setToken(given);
  try {
    const status = (await ask("GET", "/_ts/admin/status")) as Status;
    field.value = "";
    find("#sign-in").hidden = true;
    find("#app").hidden = false;
    session++;
    setPaused(false);
    take(status);
    void checkHealth();
    void loadPartners();
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

/** Forgets the token and everything that was shown. */
function signOut(message: string): void {
  setToken(null);
  session++;
  window.clearTimeout(timer);
  samples = [];
  lastStatus = null;
  clearLookup();
  clearPartners();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  find("#app").hidden = true;
  find("#sign-in").hidden = false;
  find("#sign-in-fault").textContent = message;
  find("#token").focus();
}

function setPaused(paused: boolean): void {
  isPaused = paused;
  const toggle = find("#pause");
  setText(toggle, paused ? "Go on" : "Pause");
  toggle.setAttribute("aria-pressed", String(paused));
  schedule();
}

find("#sign-in form").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = find<HTMLInputElement>("#token").value.trim();
  find("#sign-in-fault").textContent = "";
  if (/^[\x21-\x7e]+$/.test(given)) void signIn(given);
  else find("#sign-in-fault").textContent = "A token is visible ASCII characters without spaces.";
});
find("#sign-out").addEventListener("click", () => signOut("Signed out."));
find("#pause").addEventListener("click", () => setPaused(!isPaused));
document.addEventListener("visibilitychange", () => {
  if (find("#app").hidden || isPaused) return;
  if (document.hidden) window.clearTimeout(timer);
  else void poll();
});
// Charts are drawn in the size that they have room for.
let drawnWidth = 0;
new ResizeObserver(([entry]) => {
  const { width } = entry!.contentRect;
  if (width === drawnWidth) return;
  drawnWidth = width;
  if (lastStatus !== null) drawOverview(lastStatus, samples);
}).observe(find("#app"));
whenExpired((message) => {
  if (!find("#app").hidden) signOut(`Signed out: ${message}`);
});
startLookup();
startPartners();
find("#plain-http").hidden = window.isSecureContext;
