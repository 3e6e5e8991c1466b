/** The style of all pages: one column, light and dark, from the width of a phone on. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f2f6f7; --raised: #ffffff; --sunk: #eaf0f2; --line: #d3dfe4;
  --text: #13232c; --muted: #52666f; --accent: #10658a; --good: #1c7a55; --bad: #b23c2c; --warm: #835a08;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1a22; --raised: #152733; --sunk: #0f1f29; --line: #25404f;
    --text: #e6eff3; --muted: #9fb5c0; --accent: #8fcdf0; --good: #6fcf9f; --bad: #ff9a86; --warm: #e8bf6a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", "Helvetica Neue", Arial, sans-serif;
}
header, main, footer { max-width: 52rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 1.25rem; }
header a { display: inline-flex; align-items: center; gap: 0.6rem; color: inherit; font-weight: 600; text-decoration: none; }
header img { display: block; border-radius: 7px; }
main { padding-bottom: 2rem; }
footer { padding-bottom: 2rem; color: var(--muted); font-size: 0.875rem; }
h1, h2, p, dl, dd, ul, ol, pre { margin: 0; }
h1 { margin-top: 2rem; font-size: 1.75rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 2.25rem 0 0.75rem; font-size: 1.2rem; }
.lead { margin-top: 0.5rem; color: var(--muted); font-size: 1.05rem; overflow-wrap: anywhere; }
.facts { margin-top: 0.75rem; }
p + p, p + pre, pre + p, .wide + p, dl + p, ol + p, p + .wide, p + ol { margin-top: 0.75rem; }
a { color: var(--accent); text-underline-offset: 0.15em; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
small { color: var(--muted); font-size: 0.85em; }
code, pre, .code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.875em; }
pre {
  padding: 0.85rem 1rem; overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--sunk);
}
.card { padding: 0.35rem 1.1rem; border: 1px solid var(--line); border-radius: 10px; background: var(--raised); }
.badge {
  display: inline-block; padding: 0.05rem 0.6rem; border: 1px solid currentcolor; border-radius: 1rem;
  font-size: 0.8125rem; font-weight: 600; white-space: nowrap;
}
.good { color: var(--good); } .bad { color: var(--bad); } .warm { color: var(--warm); }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--raised); }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 0.5rem 0.9rem; text-align: left; vertical-align: top; }
th { color: var(--muted); font-size: 0.8125rem; font-weight: 600; white-space: nowrap; }
tbody tr { border-top: 1px solid var(--line); }
td { overflow-wrap: anywhere; }
td code, time { white-space: nowrap; }
dl > div { display: grid; grid-template-columns: 11rem 1fr; gap: 0.25rem 1rem; padding: 0.55rem 0; }
dl > div + div { border-top: 1px solid var(--line); }
dt { color: var(--muted); } dd { min-width: 0; overflow-wrap: anywhere; }
ol { padding-left: 1.4rem; } ol li + li { margin-top: 0.6rem; } ol pre { margin-top: 0.5rem; }
ul { padding-left: 1.1rem; }
dd ul { padding: 0; list-style: none; }
@media (max-width: 36rem) {
  h1 { margin-top: 1.5rem; font-size: 1.45rem; }
  dl > div { grid-template-columns: 1fr; }
  table, tbody, tr, td { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { padding: 0.5rem 0; }
  td { display: grid; grid-template-columns: 7.5rem 1fr; gap: 0.75rem; padding: 0.2rem 0.9rem; }
  td::before { content: attr(data-column); color: var(--muted); font-size: 0.875rem; }
}
`;
