// Elements for the demonstration's scripts.

/** Creates an element with a class and children. Text never becomes markup. */
export function el(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children.filter((child) => child !== null));
  return element;
}

export const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");

/** A remaining time as minutes and seconds. */
export function remaining(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** The first digits of an id. */
export const short = (id) => id.slice(0, 7);
