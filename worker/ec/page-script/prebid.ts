/**
 * The script `/_ts/prebid.js` of a publisher's page. It gives Prebid.js the visitor's EC id and the partners' ids of `/identify`, and
 * after an auction writes the ids that Prebid.js found into the cookie `ts-eids`. It stores nothing else.
 *
 * Prebid.js may have another global name than `pbjs`: `<script src="/_ts/prebid.js" data-global="myPbjs">`.
 * @module
 */

/** An EID of OpenRTB 2.6. */
interface Eid {
  source?: string;
  uids?: { id?: string; atype?: number }[];
}

/** First-party data of Prebid.js: the members that this script changes. */
interface FirstPartyData {
  user?: { id?: string; ext?: { eids?: Eid[] } };
}

/** The members of Prebid.js that this script uses. Those of modules may be missing. */
interface Prebid {
  que?: (() => void)[];
  getConfig(name: "ortb2"): FirstPartyData | undefined;
  setConfig(config: { ortb2: FirstPartyData }): void;
  requestBids: {
    before(hook: (next: (request: unknown) => void, request: unknown) => void, priority: number): void;
  };
  onEvent(name: "auctionEnd", handler: () => void): void;
  getUserIdsAsEids?(): Eid[];
  getUserIdsAsync?(): Promise<Eid[]>;
}

/** What the service says of the visitor; `ec` is absent if there is no id. */
interface Identity {
  isAllowed: boolean;
  ec?: string;
  eids: Eid[];
}

/** Longest delay of an auction for `/identify`, in milliseconds. */
const MAX_WAIT_MS = 300;
/** Lower than that of Prebid's consent modules, 50: the hook runs when consent is known and its cookies are written. */
const HOOK_PRIORITY = 40;
const COOKIE = "ts-eids";
/** Maximum length of the cookie's value, in characters. Many servers accept 8 KB for all header fields. */
const MAX_COOKIE_LENGTH = 3072;
const COOKIE_SECONDS = 86_400;

const script = document.currentScript as HTMLScriptElement | null;
const identifyUrl = new URL("/identify", script?.src || location.href).href;
const globalName = script?.dataset.global || "pbjs";
const globals = window as unknown as Record<string, Prebid | undefined>;

/** The last question, and the consent cookies with which it was asked. */
let asked: { consent: string; answer: Promise<Identity | null> } | undefined;
let identity: Identity | null = null;
/** What this script gave to Prebid.js. */
let given: { id?: string; eids: Eid[] } = { eids: [] };

const consentCookies = () =>
  (document.cookie.match(/(?:euconsent-v2|__gpp|__gpp_sid|us_privacy)=[^;]*/g) ?? []).join();

/** Asks for the identity; again only if consent changed since. `null`: there was no answer. */
function identify(): Promise<Identity | null> {
  const consent = consentCookies();
  if (asked?.consent === consent) return asked.answer;
  const answer = fetch(identifyUrl, { credentials: "include" })
    .then(async (response): Promise<Identity | null> => {
      if (response.status === 200) {
        const { ec, eids } = (await response.json()) as { ec: string; eids: Eid[] };
        return { isAllowed: true, ec, eids };
      }
      if (response.status === 204) return { isAllowed: true, eids: [] };
      return response.status === 403 ? { isAllowed: false, eids: [] } : null;
    })
    .catch(() => null)
    .then((known) => {
      // The answer to an older question does not count.
      if (asked?.answer === answer) {
        identity = known;
        if (known === null) asked = undefined;
        else if (!known.isAllowed) writeCookie("", 0);
      }
      return known;
    });
  asked = { consent, answer };
  return answer;
}

const sourceOf = ({ source }: Eid) => String(source).toLowerCase();

/** The ids that Prebid's modules have found so far. */
function pageEids(pbjs: Prebid): Eid[] {
  try {
    return pbjs.getUserIdsAsEids?.() ?? [];
  } catch {
    return []; // some modules throw until consent is known
  }
}

/**
 * Gives Prebid.js the identity, in place of what it gave before. A source that a module of the page has, now or at its last auction, is
 * left to the page: each id is sent once.
 */
function give(pbjs: Prebid): void {
  const ortb2 = pbjs.getConfig("ortb2") ?? {};
  const { id: knownId, ext, ...user } = ortb2.user ?? {};
  const { eids: known = [], ...otherExt } = ext ?? {};
  const own = new Set(given.eids.map((eid) => JSON.stringify(eid)));
  const others = known.filter((eid) => !own.has(JSON.stringify(eid)));
  const taken = new Set([...others, ...pageEids(pbjs), ...readCookie()].map(sourceOf));
  const eids = (identity?.eids ?? []).filter((eid) => !taken.has(sourceOf(eid)));
  const id = identity?.ec ?? (knownId === given.id ? undefined : knownId);
  const all = [...others, ...eids];
  given = { eids, ...(identity?.ec === undefined ? {} : { id: identity.ec }) };
  pbjs.setConfig({
    ortb2: {
      ...ortb2,
      user: {
        ...user,
        ...(id === undefined ? {} : { id }),
        ext: { ...otherExt, ...(all.length === 0 ? {} : { eids: all }) },
      },
    },
  });
}

/** Writes the ids that Prebid's modules found, if consent allows an id: the service takes them from the next page's request. */
function keep(pbjs: Prebid): void {
  if (!identity?.isAllowed) return;
  const eids: Eid[] = [];
  let value = "";
  for (const { source, uids } of pageEids(pbjs)) {
    const bare = (uids ?? []).map(({ id, atype }) => (atype === undefined ? { id } : { id, atype }));
    const longer = base64(JSON.stringify([...eids, { source, uids: bare }]));
    if (longer.length > MAX_COOKIE_LENGTH) continue;
    eids.push({ source, uids: bare } as Eid);
    value = longer;
  }
  writeCookie(value, value === "" ? 0 : COOKIE_SECONDS);
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function readCookie(): Eid[] {
  const value = document.cookie.match(/(?:^|; )ts-eids=([^;]*)/)?.[1];
  try {
    return value === undefined ? [] : JSON.parse(atob(value));
  } catch {
    return []; // only sources are read, and those of ASCII are whole
  }
}

function writeCookie(value: string, maxAgeSeconds: number): void {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every browser.
  document.cookie = `${COOKIE}=${value}; Path=/; SameSite=Lax; Max-Age=${maxAgeSeconds}${secure}`;
}

function start(): void {
  const pbjs = globals[globalName]!;
  pbjs.requestBids.before((next, request) => {
    const late = new Promise((resolve) => setTimeout(resolve, MAX_WAIT_MS));
    Promise.race([identify(), late]).then(() => {
      give(pbjs);
      next(request);
    });
  }, HOOK_PRIORITY);
  pbjs.onEvent("auctionEnd", () => {
    keep(pbjs);
    // Without auctionDelay, modules ask for their ids after the auction.
    pbjs.getUserIdsAsync?.().then(
      () => keep(pbjs),
      () => {},
    );
  });
}

void identify();
globals[globalName] ??= { que: [] as (() => void)[] } as Prebid;
globals[globalName].que ??= [];
globals[globalName].que.push(start);
