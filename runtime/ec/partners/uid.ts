/**
 * Partners' own ids for visitors: which texts are ids, and which are macros that no template filled in.
 * @module
 */

// No control characters (`\p{Cc}`) and no halves of surrogate pairs (`\p{Cs}`), written out: not every engine
// knows them by those names.
// biome-ignore lint/suspicious/noControlCharactersInRegex: it refuses control characters.
const UID = /^[^\u0000-\u001f\u007f-\u009f\ud800-\udfff]{1,256}$/u;

/** The rule for a partner's own id, for messages. */
export const UID_RULE =
  "1 to 256 characters, none of them a control character, and no unfilled macro such as $UID, 0 or null";

/** Whether a value is a valid own id of a partner for a visitor: see {@link UID_RULE}. */
export function isUid(value: unknown): value is string {
  return typeof value === "string" && value.length <= 512 && UID.test(value) && !isPlaceholder(value);
}

/**
 * A macro's name: words of letters and underscores with one separator between them, and perhaps a number at the end.
 * Narrow on purpose: GUIDs in braces and hashes with a dollar sign are ids, and have digits in other places.
 */
const NAME = "[A-Za-z_]+(?:[ .:-][A-Za-z_]+)*\\d{0,2}";

/** Whole values that ad servers, tag managers and template languages send for a macro that was not filled in. */
const MACROS: readonly RegExp[] = [
  // Braces that only templates use, whatever is in them: ${UID} ${uid:-} #{uid} %{uid} {{UID}} {{ user.id }} ${{UID}}
  /^(?:[$#%@]\{+|\{\{+)[^{}]*\}+$/,
  // A name between two equal marks: $UID$ $$UID$$ %UID% %%UID%% #UID# ##UID## @UID@ @@UID@@
  new RegExp(`^([$%#@])\\1?${NAME}\\1{1,2}$`),
  // A name after a mark: $UID
  new RegExp(`^\\$${NAME}$`),
  // A name in brackets, perhaps with a mark: [UID] [[UID]] {UID} <UID> (UID) $[UID] $(UID) {%UID%} {$UID} <%= uid %> *|UID|*
  new RegExp(`^[$%#@]?(?:\\[{1,2}${NAME}\\]{1,2}|[{(<]${NAME}[})>])$`),
  new RegExp(`^(?:\\{[%$#]|<%[=-]?|\\*\\|) ?${NAME} ?(?:[%#]?\\}|-?%>|\\|\\*)$`),
  // Capitals between two underscores on either side: __UID__
  /^__[A-Z]+(?:_[A-Z]+)*\d{0,2}__$/,
];

/** The words of programming languages for no value. */
const NO_VALUE =
  /^(?:null|undefined|NaN|None|nil|<nil>|\(null\)|\(nil\)|\[object [A-Za-z]+\])$|^(?:NULL|Null)$/;

/** Zeros, also in groups: 0, 000, and the advertising id of a device on which it is switched off. */
const ZEROS = /^[0-]+$/;

/** Maximum number of percent-encodings of a value, for example `%24%7BUID%7D` encoded twice. */
const DECODED_AT_MOST = 2;

/** Whether a whole text is a macro that was not filled in, or a word for no value. */
export function isPlaceholder(text: string): boolean {
  let value = text.trim();
  for (let decoded = 0; ; decoded++) {
    if (ZEROS.test(value) || NO_VALUE.test(value) || MACROS.some((macro) => macro.test(value))) return true;
    const next = decoded < DECODED_AT_MOST ? percentDecoded(value) : value;
    if (next === value) return false;
    value = next;
  }
}

/** The text without one percent-encoding; unchanged if it cannot be decoded. */
function percentDecoded(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text).trim();
  } catch {
    return text;
  }
}
