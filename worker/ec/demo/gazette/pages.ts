/**
 * The newspaper's pages.
 * @module
 */
import { html } from "hono/html";
import { ferry, mill } from "./drawings.ts";
import type { Page } from "./layout.ts";

const front: Page = {
  path: "/",
  title: "The Millrace Gazette",
  body: html`
    <h1 class="hidden">Today’s front page</h1>
    <article class="lead">
      <a class="picture" href="/the-wheel-turns" tabindex="-1" aria-hidden="true">${mill}</a>
      <p class="kicker">The mill</p>
      <h2><a href="/the-wheel-turns">After sixty-one years, the wheel at Lower Mill turns again</a></h2>
      <p class="standfirst">Forty volunteers, nine winters and one borrowed crane: on Saturday at noon the sluice was
      opened, and the whole town held its breath.</p>
      <p class="byline">By Odile Marchetti</p>
    </article>
    <div class="columns">
      <article>
        <p class="kicker">The river</p>
        <h2><a href="/the-ferry-bell">The night ferry keeps its bell</a></h2>
        <p>Light sleepers lost by two votes. The council found that a bell which has rung since before the bridge is
        not a nuisance but a neighbour.</p>
        <p class="byline">By Tam Whitlock</p>
      </article>
      <section aria-labelledby="brief">
        <h2 class="rule" id="brief">In brief</h2>
        <ul class="briefs">
          <li><strong>Market.</strong> Stalls return to Sluice Street on Thursday. The cheese is back, the accordion is not.</li>
          <li><strong>Schools.</strong> Pupils of the weir school counted 214 eels going up. Last year it was 190.</li>
          <li><strong>Library.</strong> A book on knots, due in 1958, came back through the letter box, tied shut.</li>
        </ul>
      </section>
      <section aria-labelledby="weather">
        <h2 class="rule" id="weather">The river today</h2>
        <dl class="gauge">
          <div><dt>Level at the weir</dt><dd>1.42 m</dd></div>
          <div><dt>Water</dt><dd>9 °C</dd></div>
          <div><dt>Wind</dt><dd>south-west, light</dd></div>
          <div><dt>Ferry</dt><dd>running, with bell</dd></div>
        </dl>
      </section>
    </div>`,
};

const wheel: Page = {
  path: "/the-wheel-turns",
  title: "The wheel at Lower Mill turns again – The Millrace Gazette",
  body: html`
    <article class="story">
      <p class="kicker">The mill</p>
      <h1>After sixty-one years, the wheel at Lower Mill turns again</h1>
      <p class="standfirst">Forty volunteers, nine winters and one borrowed crane: on Saturday at noon the sluice was
      opened, and the whole town held its breath.</p>
      <p class="byline">By Odile Marchetti</p>
      <figure>${mill}<figcaption>Lower Mill from the ferry landing. Drawing: the Gazette.</figcaption></figure>
      <p>It did not turn at first. The water came down the race, brown and loud, and rose against the paddles, and for
      the time it takes to say so nothing happened at all. Then the wheel gave a groan that was heard on the far bank,
      shook off a robin’s nest, and went round.</p>
      <p>“We had a list of eleven things that could go wrong,” says Berit Osei, who keeps the list. “The nest was not on
      it.” The nest was empty. It has been moved to the museum, where it has a label.</p>
      <p>The wheel is oak on an iron shaft, five metres across, and carries two dozen paddles, of which three are old.
      The rest were cut in the school workshop by pupils who were not born when the work began. Grain will be ground
      for visitors on the first Sunday of the month; on other days the mill will light its own lamps.</p>
      <h2>A gate, and a channel</h2>
      <p>What makes a mill is not the wheel but the race: a fast, narrow channel that never stops, and a gate that
      holds the rest of the river back and lets in as much as the wheel can bear. “Open it too far and you break a
      paddle,” says Osei. “Open it too little and you have a very large ornament.”</p>
      <p>The gate is oiled, the wheel is turning, and the eels have been asked to use the ladder.</p>
      <p class="next"><a href="/the-ferry-bell">Next: the night ferry keeps its bell</a></p>
    </article>`,
};

const bell: Page = {
  path: "/the-ferry-bell",
  title: "The night ferry keeps its bell – The Millrace Gazette",
  body: html`
    <article class="story">
      <p class="kicker">The river</p>
      <h1>The night ferry keeps its bell</h1>
      <p class="standfirst">Light sleepers lost by two votes. The council found that a bell which has rung since before
      the bridge is not a nuisance but a neighbour.</p>
      <p class="byline">By Tam Whitlock</p>
      <figure>${ferry}<figcaption>The last crossing, a quarter past eleven. Drawing: the Gazette.</figcaption></figure>
      <p>Those who live by the landing have two strokes before the boat leaves and one when it arrives, at every hour
      until midnight. The petition against them had sixty signatures. The petition for them had sixty-two, one of which
      was the ferryman’s, and the clerk allowed it.</p>
      <p>“A ferry is a promise,” said the harbour master, Ines Calloway, to a full room. “The bell is how you know that
      it is being kept.” She then asked whether anybody had ever missed the boat for want of hearing it. Nobody had.</p>
      <p>A motion to ring more softly was referred to the ferryman, who said that the bell has one loudness and that he
      had not chosen it. The matter is closed until spring.</p>
      <p class="next"><a href="/the-wheel-turns">Before: the wheel at Lower Mill turns again</a></p>
    </article>`,
};

const about: Page = {
  path: "/about",
  title: "About – The Millrace Gazette",
  body: html`
    <article class="story">
      <p class="kicker">About</p>
      <h1>A paper that is not there</h1>
      <p class="standfirst">The Gazette is a small site on a port of its own. You are reading it through millrace, which
      stands in front of it and gives its readers a first-party id, if they agree.</p>
      <h2>What is real here</h2>
      <ul>
        <li>The service: it is the one that a publisher runs, with an SQLite file as its store.</li>
        <li>The questions to partners: two small servers on ports of their own are asked for their ids of you, after the page
        has gone out and no faster than each of them bears. <a href="/_demo/partner">The third partner is you</a>.</li>
        <li>The advertisement: Prebid.js holds an auction on each page. <code>/_ts/prebid.js</code> gives it your id and the partners’
        ids, and the ids that it finds on the page come to the graph with the next page.</li>
        <li>The <code>ts-ec</code> cookie, and the rules by which it comes and goes.</li>
        <li>The consent cookies, which hold strings in the formats of the IAB: <code>euconsent-v2</code> in Europe,
        <code>__gpp</code>, <code>__gpp_sid</code> and <code>us_privacy</code> in the United States.</li>
      </ul>
      <h2>What is not</h2>
      <ul>
        <li>The town, the mill, the news, and the partners’ companies.</li>
        <li>Your country: you choose it in the panel, which keeps it in the cookie <code>demo-place</code>. A real service
        is told by its host or by a header that its operator vouches for.</li>
        <li>The panel itself. It follows your own requests, which it tells from others by the cookie
        <code>demo-session</code>; both are gone when you close the browser.</li>
      </ul>
    </article>`,
};

/** Every page, by path. */
export const pages: ReadonlyMap<string, Page> = new Map(
  [front, wheel, bell, about].map((page) => [page.path, page]),
);

/** What stands where no page is. */
export const lost: Page = {
  path: "",
  title: "No such page – The Millrace Gazette",
  body: html`
    <article class="story">
      <p class="kicker">404</p>
      <h1>That page was never printed</h1>
      <p class="standfirst">Perhaps it went to wrap fish. <a href="/">The front page</a> is still warm.</p>
    </article>`,
};
