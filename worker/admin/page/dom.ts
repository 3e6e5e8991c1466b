/** Creates elements. Text never becomes markup. */

/** A child of an element; `null` is skipped. */
export type Child = Node | string | null;
/** Attributes by name. `true` sets an attribute without a value; `false` and `null` skip it. */
export type Attributes = Record<string, string | number | boolean | null>;

function fill<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Creates an HTML element. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  return fill(document.createElement(tag), attributes, children);
}

/** Creates an SVG element. */
export function svg(tag: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  return fill(
    document.createElementNS("http://www.w3.org/2000/svg", tag) as SVGElement,
    attributes,
    children,
  );
}

/** Finds an element. @throws {Error} if there is none */
export function find<E extends HTMLElement = HTMLElement>(
  selector: string,
  within: ParentNode = document,
): E {
  const element = within.querySelector<E>(selector);
  if (element === null) throw new Error(`the page has no ${selector}`);
  return element;
}

/** Creates a button. */
export function button(label: string, attributes: Attributes, act: () => void): HTMLButtonElement {
  const element = el("button", { type: "button", ...attributes }, label);
  element.addEventListener("click", act);
  return element;
}

/** Sets a text only if it differs, so that a selection and a screen reader are not interrupted. */
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

/** Shows a time and its age. @param seconds since the Unix epoch */
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
