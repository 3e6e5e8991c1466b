// The newspaper's consent banner: asks what the law of the visitor's place requires, and writes the cookies of a consent
// manager. The visitor can change the choice at any time under "Privacy choices".
import { isGranted, tcString, usNationalString, usPrivacyString } from "./consent-strings.js";

const DAY_SECONDS = 86_400;
/** The TCF requires asking again after at most thirteen months. */
const MAX_AGE_SECONDS = 395 * DAY_SECONDS;
const NOTICE_MS = 6_000;
let silence;

const banner = document.querySelector("#banner");
const title = document.querySelector("#banner-title");
const text = document.querySelector("#banner-text");
const yes = document.querySelector("#banner-yes");
const no = document.querySelector("#banner-no");
const notice = document.querySelector("#notice");
const opener = document.querySelector("#privacy-choices");

const cookie = (name) =>
  document.cookie
    .split("; ")
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1);

function store(name, value) {
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every browser.
  document.cookie = `${name}=${value}; Path=/; SameSite=Lax; Max-Age=${MAX_AGE_SECONDS}`;
}

/** Removes a cookie of this host, and one of its domain, for which Prebid's modules set theirs. */
function remove(name) {
  for (const domain of ["", `; Domain=${location.hostname}`]) {
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every browser.
    document.cookie = `${name}=; Path=/; SameSite=Lax; Max-Age=0${domain}`;
  }
}

/** Opt-in according to the Transparency and Consent Framework. */
const europe = {
  title: "May we recognise you?",
  text: `With your consent the Gazette and its partners keep an id on this device, to count its readers and to sell
    advertising without following anybody across other sites. You can change your mind at any time.`,
  yes: ["Accept all", "Keep my consent"],
  no: ["Reject all", "Withdraw my consent"],
  read: () => (cookie("euconsent-v2") === undefined ? null : isGranted(cookie("euconsent-v2"))),
  write(granted) {
    // The publisher's country, not the reader's.
    store("euconsent-v2", tcString({ granted, country: "FR", nowMs: Date.now() }));
  },
  done: { true: "Thank you. Your consent is stored.", false: "Understood. You will not be recognised." },
};

/** Opt-out according to the laws of US states and the Global Privacy Platform. */
const unitedStates = {
  title: "Your privacy choices",
  text: `The Gazette sells and shares what it learns from your visit, for advertising. You have the right to opt out.
    We honour Global Privacy Control if your browser sends it.`,
  yes: ["That is fine", "That is fine"],
  no: ["Do not sell or share my data", "Do not sell or share my data"],
  read: () => (cookie("us_privacy") === undefined ? null : cookie("us_privacy")[2] !== "Y"),
  write(granted) {
    const optedOut = !granted;
    store("__gpp", usNationalString({ optedOut, gpc: navigator.globalPrivacyControl === true }));
    store("__gpp_sid", "7");
    store("us_privacy", usPrivacyString({ optedOut }));
  },
  done: { true: "Your choice is stored.", false: "You have opted out. Your data is not sold or shared." },
};

/** Whether the newspaper's other scripts may keep an id on this device. */
export function mayKeepIds() {
  const question = questionHere();
  return navigator.globalPrivacyControl !== true && (question === null || question.read() === true);
}

const SAID = "consent-said";

/** The question for this place; `null` if there is none. A consent manager would look up the country; this reads the chosen place. */
function questionHere() {
  const place = cookie("demo-place") ?? "FR";
  if (place.startsWith("US-")) return unitedStates;
  return place === "CA" || place === "JP" ? null : europe;
}

/** Shows what was done for a few seconds. */
function say(words) {
  notice.textContent = words;
  clearTimeout(silence);
  silence = setTimeout(() => {
    notice.textContent = "";
  }, NOTICE_MS);
}

function open() {
  const question = questionHere();
  if (question === null) {
    say("Where you are, no law wants this asked.");
    return;
  }
  notice.textContent = "";
  const chosen = question.read();
  title.textContent = question.title;
  text.textContent = question.text;
  yes.textContent = question.yes[chosen === true ? 1 : 0];
  no.textContent = question.no[chosen === true ? 1 : 0];
  banner.hidden = false;
}

async function choose(granted) {
  const question = questionHere();
  question.write(granted);
  // What the newspaper's own Prebid.js keeps on the device.
  if (!granted) for (const name of ["sharedId", "sharedId_cst", "ts-eids"]) remove(name);
  banner.hidden = true;
  say(question.done[granted]);
  opener.focus({ preventScroll: true });
  // The publisher's record of the choice, and the first request with the new cookies.
  await fetch("/consent", { method: "POST" });
  const hasId = (cookie("ts-ec") ?? null) !== null;
  if (!granted || hasId || navigator.globalPrivacyControl) return;
  // Ids are minted for page visits, so the page reloads.
  sessionStorage.setItem(SAID, question.done[granted]);
  location.reload();
}

/** Shows the notice from before the reload. */
function showSavedNotice() {
  const words = sessionStorage.getItem(SAID);
  if (words === null) return;
  sessionStorage.removeItem(SAID);
  say(words);
  opener.focus({ preventScroll: true });
}

yes.addEventListener("click", () => choose(true));
no.addEventListener("click", () => choose(false));
opener.addEventListener("click", () => {
  open();
  if (!banner.hidden) banner.focus();
});
showSavedNotice();
if (questionHere() !== null && questionHere().read() === null) open();
