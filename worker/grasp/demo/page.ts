/**
 * The page of the demonstration. life.js fills it from the stream.
 * @module
 */
import { html } from "hono/html";

type Markup = ReturnType<typeof html>;

/** A whole document. @param fault why the demonstration cannot run; `null`: it can */
export function lifePage(fault: string | null): Markup {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>The life of a push</title>
    <link rel="icon" href="/life/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/life/life.css">
    ${fault === null ? html`<script type="module" src="/life/life.js"></script>` : ""}
  </head>
  <body>
    <a class="skip" href="#now">Skip to the current step</a>
    <header class="top">
      <p class="brand">millrace <span>GRASP</span></p>
      <h1>The life of a push</h1>
      <p class="lede">Git hosting without accounts. A signed message, an <b>event</b>, says who may push what, and the server
      shows an event only when the data that it speaks of is here. Nothing on this page is played: the events are signed, Git
      is Git, and the server runs behind this page.</p>
    </header>
    <main>${fault === null ? stage : html`<section class="missing"><h2>The demonstration cannot run</h2><p>${fault}</p></section>`}</main>
  </body>
</html>`;
}

/** A box of the picture. life.js puts events and commits into its list. */
function box(key: string, title: string, note: string): Markup {
  return html`<section class="box" id="box-${key}" aria-labelledby="title-${key}">
          <h3 id="title-${key}">${title}</h3>
          <p class="box-note">${note}</p>
          <ul class="chips" data-box="${key}"></ul>
        </section>`;
}

const stage = html`
      <noscript>
        <section class="missing">
          <h2>The demonstration needs JavaScript</h2>
          <p>The steps and the picture are drawn by a script. millrace itself needs none: its own pages about repositories
          have no script at all.</p>
        </section>
      </noscript>
      <p class="stale" role="status" hidden></p>
      <nav class="steps" aria-label="The seven steps"><ol></ol></nav>
      <div class="stage">
        <section class="map" aria-labelledby="title-map">
          <h2 class="hidden" id="title-map">Where everything is</h2>
          <div class="people">
            ${box("ada", "Ada’s computer", "She maintains the repository.")}
            ${box("ben", "Ben’s computer", "He contributes.")}
          </div>
          <div class="server" role="group" aria-labelledby="title-server">
            <h3 id="title-server">This server</h3>
            ${box("purgatory", "Purgatory", "Waits for data. Nobody can read it.")}
            ${box("relay", "Relay", "Events that everyone can read.")}
            ${box("repository", "Git repository", "Commits that everyone can clone.")}
          </div>
          <div class="outside">
            <section class="box ear" id="box-ear" aria-labelledby="title-ear">
              <h3 id="title-ear">A subscriber</h3>
              <p class="box-note">Connected the whole time. Hears:</p>
              <div class="heard-log" role="log" aria-labelledby="title-ear" tabindex="0"><ol class="heard"></ol></div>
            </section>
            <section class="box" id="box-others" aria-labelledby="title-others">
              <h3 id="title-others">Other servers</h3>
              <p class="box-note">The announcement names them, too. They know nothing of events.</p>
              <ul class="chips" data-box="others"></ul>
              <dl class="others"></dl>
            </section>
          </div>
        </section>
        <section class="now" id="now" aria-labelledby="now-title" tabindex="-1">
          <p class="now-count"></p>
          <h2 id="now-title"></h2>
          <p class="now-before"></p>
          <div class="now-actions"></div>
          <div class="now-result" role="status"></div>
          <div class="now-lines"></div>
        </section>
      </div>
      <footer class="foot">
        <p>Your own Git can read it, too: <code id="clone-line"></code></p>
        <button type="button" class="quiet" id="start-again">Start again</button>
      </footer>`;
