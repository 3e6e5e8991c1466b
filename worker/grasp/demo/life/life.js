// The page of the demonstration. It draws the snapshots that the demonstration's server streams for this visitor.
import { clock, el, short } from "./elements.js";
import { drawMap, tick } from "./map.js";

/** Each step: what it is about, and the actions that it takes. */
const STEPS = [
  {
    name: "Announce",
    title: "Announce the repository",
    actions: [
      {
        key: "announce",
        before: "Ada signs an event that says: my repository “lighthouse” is on this server.",
        button: "Send Ada’s announcement",
        verdict: "waits",
        after:
          "The server answers OK, but serves nothing yet: anyone can claim to have a repository. The event waits in purgatory for 30 minutes, beside an empty repository that is ready for a push.",
      },
    ],
  },
  {
    name: "State",
    title: "State what it has",
    actions: [
      {
        key: "state",
        before: "Ada signs a second event: branch main is at this one commit.",
        button: "Send Ada’s state",
        verdict: "waits",
        after:
          "It waits, too: the server does not have that commit. A reader who saw the state now could not clone it, so nobody sees it.",
      },
    ],
  },
  {
    name: "Refused",
    title: "Push something else",
    actions: [
      {
        key: "refuse",
        before: "Ada pushes another commit than the one that she stated.",
        button: "Push the pink lighthouse",
        verdict: "refused",
        after:
          "No password was asked, and none is missing: the push is not what the signed state says. Her terminal says which commit was expected, and what to do next.",
      },
    ],
  },
  {
    name: "Served",
    title: "Push what was stated",
    actions: [
      {
        key: "push",
        before: "Ada pushes the commit that her state names.",
        button: "Push main",
        verdict: "served",
        after:
          "Now everything fits. The commit went into the repository, both events left purgatory in the same moment, and the subscriber heard them. Cleo, who has no key, can clone.",
      },
    ],
  },
  {
    name: "Data first",
    title: "Data first, its event later",
    actions: [
      {
        key: "upload",
        before: "Ben has an improvement. He pushes the commit before he sends the event for it.",
        button: "Push Ben’s commit",
        verdict: "waits",
        after:
          "Accepted, but kept apart for 20 minutes: it is not in the repository, and nobody can read it until an event vouches for it.",
      },
      {
        key: "propose",
        before: "Then he sends the event: a pull request that names exactly this commit.",
        button: "Send Ben’s pull request",
        verdict: "served",
        after: "Event and data meet: the pull request is served at once, and everyone can fetch its commit.",
      },
    ],
  },
  {
    name: "The hunt",
    title: "Data that only another server has",
    actions: [
      {
        key: "elsewhere",
        before:
          "Ada pushes a new commit to another server, Brook. This server gets only the state that names it.",
        button: "Push to Brook, send the state here",
        verdict: "waits",
        after:
          "The state waits, and the server will look for its commit where the announcement says. First it leaves the others alone for three minutes: Ada might still be pushing here herself.",
      },
      {
        key: "ask",
        before: "Three minutes are long. Only this page can let them pass at once.",
        button: "Let three minutes pass",
        verdict: "waits",
        after:
          "It asked both servers at once. Dell does not have the repository, and is not asked again for it. Brook is too busy, and is left alone for a minute. No server is ever asked more than 5 times at once or 30 times a minute.",
      },
      {
        key: "fetch",
        before: "A minute later Brook may be asked again.",
        button: "Let another minute pass",
        verdict: "served",
        after:
          "Brook gave the commit. The server checked it, moved its branch, and served the state; the subscriber heard it. Nobody pushed anything here.",
      },
    ],
  },
  {
    name: "Delete",
    title: "Delete it",
    actions: [
      {
        key: "delete",
        before: "Ada signs a deletion of her announcement and her state.",
        button: "Send Ada’s deletion",
        verdict: "gone",
        after:
          "The server stops serving them, and the repository with them. It serves the deletion instead, so that others hear of it. A clone fails now.",
      },
    ],
  },
];
const VERDICTS = { waits: "Waits", refused: "Refused", served: "Served", gone: "Gone" };

const find = (selector) => document.querySelector(selector);
const map = find(".map");
let snapshot = null;
/** The step that is shown; it follows the story until the visitor chooses one. */
let shown = 0;
/** The step that is repeated, while those before it are played again; `null`: none is. */
let repeated = null;
/** The action after which the story stood when it was last drawn. */
let lastDone = null;

const isDone = (step) => step.actions.every(({ key }) => snapshot.done.includes(key));
/** The step with the next action; the last one at the end. */
const nextStep = () => {
  const at = STEPS.findIndex((step) => step.actions.some(({ key }) => key === snapshot.next));
  return at === -1 ? STEPS.length - 1 : at;
};

async function post(path) {
  try {
    await fetch(path, { method: "POST" });
  } catch {
    // The stream says that the server does not answer.
  }
}

function drawSteps() {
  const next = nextStep();
  const items = STEPS.map((step, at) => {
    const done = isDone(step);
    const button = el(
      "button",
      "",
      el("span", "step-dot", done ? "✓" : String(at + 1)),
      el("span", "step-name", step.name),
    );
    button.type = "button";
    button.disabled = at > next;
    if (done) button.append(el("span", "hidden", " (done)"));
    if (at === shown) button.setAttribute("aria-current", "step");
    button.addEventListener("click", () => {
      shown = at;
      draw();
      find("#now").focus({ preventScroll: false });
    });
    return el("li", done ? "done" : "", button);
  });
  const list = find(".steps ol");
  const focused = [...list.children].findIndex((item) => item.contains(document.activeElement));
  list.replaceChildren(...items);
  if (focused !== -1) list.children[focused].firstChild.focus();
}

function drawNow() {
  const step = STEPS[shown];
  const { next, busy, done, fault, lines } = snapshot;
  find(".now-count").textContent = `Step ${shown + 1} of ${STEPS.length}`;
  find("#now-title").textContent = step.title;
  const current = step.actions.find(({ key }) => !done.includes(key));
  const last = step.actions.findLast(({ key }) => done.includes(key));
  find(".now-before").textContent = (current ?? step.actions[0]).before;

  const actions = find(".now-actions");
  const wanted = [busy, next, shown, done.length].join(" ");
  if (actions.dataset.drawn !== wanted) {
    actions.dataset.drawn = wanted;
    const hadFocus = actions.contains(document.activeElement);
    const buttons = [];
    if (current !== undefined) {
      const isBusy = busy !== null || next !== current.key;
      const button = el("button", "go", isBusy ? "One moment …" : current.button);
      button.type = "button";
      button.setAttribute("aria-disabled", String(isBusy));
      button.addEventListener("click", () => {
        if (snapshot.busy === null) post(`/do/${current.key}`);
      });
      buttons.push(button);
    } else if (shown < STEPS.length - 1) {
      const forward = el("button", "go", `Next: ${STEPS[shown + 1].title}`);
      forward.type = "button";
      forward.addEventListener("click", () => {
        shown += 1;
        draw();
        find(".now-actions button")?.focus();
      });
      buttons.push(forward);
    } else {
      buttons.push(
        el("p", "end", "That was the whole life. Start again with new keys, or repeat any step above."),
      );
    }
    if (last !== undefined && busy === null) {
      const again = el("button", "quiet", "Repeat this step");
      again.type = "button";
      again.addEventListener("click", () => {
        repeated = shown;
        post(`/again/${step.actions[0].key}`);
      });
      buttons.push(again);
    }
    actions.replaceChildren(...buttons);
    if (hadFocus) actions.querySelector("button")?.focus();
  }

  const result = find(".now-result");
  const text = fault !== null && current !== undefined ? fault : (last?.after ?? "");
  if (result.dataset.text !== text) {
    result.dataset.text = text;
    const verdict = fault !== null && current !== undefined ? "refused" : last?.verdict;
    result.replaceChildren(
      ...(text === ""
        ? []
        : [
            el(
              "p",
              "",
              el("b", `verdict is-${verdict}`, fault === null ? VERDICTS[verdict] : "It failed"),
              text,
            ),
          ]),
    );
  }
  drawLines(step.actions.flatMap(({ key }) => lines[key] ?? []));
}

/** What was sent and what the terminals showed. Lines are only added. */
function drawLines(lines) {
  const list = find(".now-lines");
  const key = `${snapshot.npub} ${shown}`;
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren();
  }
  for (const line of lines.slice(list.childElementCount))
    list.append(line.event ? messageOf(line) : terminalOf(line));
}

function messageOf({ who, name, event, ok, text }) {
  const details = el(
    "details",
    "",
    el("summary", "", "The event as it was sent"),
    el("pre", "", JSON.stringify(event, null, 1)),
  );
  details.lastChild.tabIndex = 0;
  return el(
    "figure",
    "message",
    el("figcaption", "", `${who} sends the ${name}; the server answers`),
    el("pre", ok ? "" : "is-bad", `["OK", "${short(event.id)}…", ${ok}, "${text}"]`),
    details,
  );
}

/** What the terminal showed, with the server's lines marked. */
function terminalOf({ who, command, output, code }) {
  const lines = output
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const kind = /^remote:/.test(line) ? "t-remote" : /^ ! |^error:|^fatal:/.test(line) ? "t-bad" : "";
      return el("span", kind, `${line}\n`);
    });
  const screen = el(
    "pre",
    "",
    el("span", "t-prompt", "$ "),
    el("span", "t-command", command),
    "\n",
    ...lines,
  );
  screen.tabIndex = 0;
  return el(
    "figure",
    "terminal",
    el("figcaption", "", `${who}’s terminal${code === 0 ? "" : ` (exit code ${code})`}`),
    screen,
  );
}

function drawHeard() {
  const list = find(".heard");
  const key = snapshot.npub;
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(el("li", "silence", "Nothing yet."));
  }
  const { heard } = snapshot;
  const drawn = list.querySelectorAll("li:not(.silence)").length;
  if (heard.length > 0) list.querySelector(".silence")?.remove();
  for (const { name, by, atMs } of heard.slice(drawn)) {
    list.append(el("li", "", el("span", "heard-what", `${by}’s ${name}`), el("time", "", clock(atMs))));
  }
}

function draw() {
  drawSteps();
  drawNow();
  drawMap(map, snapshot);
  drawHeard();
  find("#clone-line").textContent = `git clone ${snapshot.repository}`;
}

function take(next) {
  const isOther = snapshot?.npub !== next.npub;
  snapshot = next;
  const done = next.done.at(-1) ?? null;
  // The page follows the story: a new one, or an action that ends a step, shows the step that it belongs to.
  if (repeated !== null) {
    shown = repeated;
    if (next.busy === null && STEPS[repeated].actions[0].key === next.next) repeated = null;
  } else if (isOther || done !== lastDone || next.busy !== null) {
    const key = next.busy ?? (isOther ? next.next : done);
    const at = STEPS.findIndex(({ actions }) => actions.some((action) => action.key === key));
    if (at !== -1) shown = at;
  }
  lastDone = done;
  draw();
}

find("#start-again").addEventListener("click", () => post("/again/announce"));
setInterval(() => tick(map), 1000);

const stream = new EventSource("/events");
const stale = find(".stale");
stream.addEventListener("message", ({ data }) => {
  stale.hidden = true;
  document.body.classList.add("live");
  take(JSON.parse(data));
});
stream.addEventListener("error", () => {
  stale.textContent =
    "The server does not answer. The page shows the last state that it knows, and tries again.";
  stale.hidden = false;
});
