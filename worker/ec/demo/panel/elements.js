// Elements for the demonstration's scripts.

/** Creates an element with a class and children. Text never becomes markup. */
export function el(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Creates an SVG element. */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");

/** Formats a duration in its largest unit. */
export function span(ms) {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** An EC id with its two parts in different colours. */
export function idCode({ hash, suffix }) {
  return el("code", "p-code", el("span", "p-hash", hash), ".", el("span", "p-suffix", suffix));
}

const SECONDS = new Set(["created", "lastSeen", "updated", "synced"]);

/** Whether an object fits on one line: no nested objects, no times, and few characters. */
function isShort(object) {
  const isPlain = ([key, value]) => (value === null || typeof value !== "object") && !SECONDS.has(key);
  return Object.entries(object).every(isPlain) && JSON.stringify(object).length <= 36;
}

/**
 * JSON as coloured text. A time in seconds is followed by the time of day.
 * @param comma the text after the value on its line
 */
export function json(value, indent = "", key = "", comma = "") {
  if (value === null || typeof value !== "object") {
    const text = el("span", `p-${value === null ? "null" : typeof value}`, JSON.stringify(value));
    return SECONDS.has(key)
      ? [text, comma, el("span", "p-comment", `  ${clock(value * 1000)}`)]
      : [text, comma];
  }
  const isList = Array.isArray(value);
  const [open, close] = isList ? "[]" : "{}";
  const entries = Object.entries(value);
  if (entries.length === 0) return [open + close + comma];
  const nameOf = (name) => (isList ? [] : [el("span", "p-key", `"${name}"`), ": "]);
  const follows = (index) => (index < entries.length - 1 ? "," : "");
  if (!isList && isShort(value)) {
    const pairs = entries.flatMap(([name, child], index) => [
      " ",
      ...nameOf(name),
      ...json(child, "", "", follows(index)),
    ]);
    return [open, ...pairs, ` ${close}${comma}`];
  }
  const inner = `${indent}  `;
  const lines = entries.flatMap(([name, child], index) => [
    `\n${inner}`,
    ...nameOf(name),
    ...json(child, inner, name, follows(index)),
  ]);
  return [open, ...lines, `\n${indent}${close}${comma}`];
}
