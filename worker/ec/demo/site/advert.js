// The newspaper's advertisement: one auction by Prebid.js, which asks the bidder behind `/auction`. Each page has it.
import { mayKeepIds } from "./consent.js";

const TIMEOUT_MS = 3000;
const find = (name) => document.querySelector(`#advert-${name}`);

/** Ids that Prebid.js finds, only with consent: one that SharedID keeps in a cookie, and one that the page brings itself. */
function userIds() {
  if (!mayKeepIds()) return [];
  return [
    { name: "sharedId", storage: { type: "cookie", name: "sharedId", expires: 30 } },
    {
      name: "pubProvidedId",
      params: { eids: [{ source: "fennel.example", uids: [{ id: "reader-of-the-gazette", atype: 1 }] }] },
    },
  ];
}

/** Shows what the bid request said of the visitor when the bidder got it. */
function drawReceived({ id, eids = [] }) {
  const whole =
    id === undefined ? "" : `Your id ${id.slice(0, 8)}….${id.slice(-6)}, and each partner’s id once:`;
  find("received").textContent = whole || "Nothing: the bidder cannot know you.";
  find("eids").replaceChildren(
    ...eids.map(({ source, uids }) => {
      const item = document.createElement("li");
      const code = document.createElement("code");
      code.textContent = uids.map((uid) => uid.id).join(", ");
      item.append(`${source} `, code);
      return item;
    }),
  );
}

function drawBid(pbjs) {
  const [bid] = pbjs.getHighestCpmBids("advert");
  find("text").textContent =
    bid === undefined
      ? "This space is free."
      : `${bid.ad} Quickbeck pays € ${bid.cpm.toFixed(2)} for a thousand readers like you.`;
  drawReceived(bid?.meta.received ?? {});
  document.querySelector("#advert").hidden = false;
}

window.pbjs ??= { que: [] };
window.pbjs.que.push(() => {
  const { pbjs } = window;
  const endpoint = new URL("/auction", location.href).href;
  pbjs.setConfig({
    s2sConfig: {
      accountId: "gazette",
      bidders: ["quickbeck"],
      adapter: "prebidServer",
      enabled: true,
      timeout: TIMEOUT_MS,
      endpoint: { p1Consent: endpoint, noP1Consent: endpoint },
    },
    userSync: { auctionDelay: 100, userIds: userIds() },
  });
  pbjs.addAdUnits([
    {
      code: "advert",
      mediaTypes: { banner: { sizes: [[300, 250]] } },
      bids: [{ bidder: "quickbeck", params: {} }],
    },
  ]);
  pbjs.requestBids({ timeout: TIMEOUT_MS, bidsBackHandler: () => drawBid(pbjs) });
});
