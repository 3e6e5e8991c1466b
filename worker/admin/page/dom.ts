/** Elements, made without ever turning text into markup. */

/** What goes into an element; `null` is left out. */
export type Child = Node | string | null;
/** Attributes by name; `true` is the bare attribute, `false` and `null` leave it out. */
export type Attributes = Record<string, string | number | boolean | null>;

function fill<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** An HTML element. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  return fill(
    document.createElementNS("http://www.w3.org/2000/svg", tag) as SVGElement,
    attributes,
    children,
  );
}

/** The element that the page is known to have. */
export function find<E extends HTMLElement = HTMLElement>(
  selector: string,
  within: ParentNode = document,
): E {
  const element = within.querySelector<E>(selector);
  if (element === null) throw new Error(`the page has no ${selector}`);
  return element;
}

/** A button that does something. */
export function button(label: string, attributes: Attributes, act: () => void): HTMLButtonElement {
  const element = el("button", { type: "button", ...attributes }, label);
  element.addEventListener("click", act);
  return element;
}

/** Replaces a text, unless it is there already: somebody may have marked it, or be having it read out. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

const DATE_AND_TIME = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const AGO = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto" });
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** A moment as date and time, and how long ago that is. */
export function moment(seconds: number): HTMLElement {
  const date = new Date(seconds * 1000);
  const passed = seconds - Date.now() / 1000;
  const [unit, length] = UNITS.find(([, size]) => Math.abs(passed) >= size) ?? UNITS.at(-1)!;
  const iso = date.toISOString();
  return el(
    "span",
    {},
    el("time", { datetime: iso, title: iso }, DATE_AND_TIME.format(date)),
    " ",
    el("small", {}, AGO.format(Math.trunc(passed / length), unit)),
  );
}
