/**
 * The frames that panels have many of: `<fold-table …>` and `<time-chart …>` in a `panel.html`, each alone on its line.
 * @module
 */

const FRAME = /^( *)<(fold-table|time-chart)((?: [a-z]+="[^"]*")+)>\n/gm;
const ATTRIBUTE = / ([a-z]+)="([^"]*)"/g;

/**
 * Puts the frames in the place of their elements.
 * @throws {Error} if one lacks an attribute
 */
export function withFrames(html: string): string {
  return html.replace(FRAME, (_, indent: string, name: string, given: string) => {
    const attributes = new Map([...given.matchAll(ATTRIBUTE)].map(([, key, value]) => [key!, value!]));
    const of = (key: string) => {
      const value = attributes.get(key);
      if (value === undefined) throw new Error(`Cannot build the operator's page: <${name}> lacks ${key}`);
      return value;
    };
    const lines = name === "fold-table" ? foldTable(of) : timeChart(of);
    return lines.map((line) => `${indent}${line}\n`).join("");
  });
}

/** A table whose rows fold on narrow screens. `columns` are apart by `|`; those with `#` in front are figures. */
function foldTable(of: (key: string) => string): string[] {
  const heads = of("columns")
    .split("|")
    .map((column) =>
      column.startsWith("#")
        ? `<th role="columnheader" scope="col" class="figure">${column.slice(1)}</th>`
        : `<th role="columnheader" scope="col">${column}</th>`,
    );
  return [
    `<div class="wide" tabindex="0" role="region" aria-label="${of("label")}">`,
    `  <table id="${of("id")}" class="folding" role="table">`,
    `    <thead role="rowgroup"><tr role="row">${heads.join("")}</tr></thead>`,
    '    <tbody role="rowgroup"></tbody>',
    "  </table>",
    `  <p class="nothing">${of("nothing")}</p>`,
    "</div>",
  ];
}

/** A chart of the last minutes, which can be read as a table. */
function timeChart(of: (key: string) => string): string[] {
  return [
    `<figure class="card" id="${of("id")}">`,
    `  <figcaption><h3>${of("title")}</h3><span>${of("note")}</span></figcaption>`,
    '  <div class="drawing"></div>',
    '  <ul class="key"></ul>',
    "  <details><summary>As a table</summary><table></table></details>",
    "</figure>",
  ];
}
