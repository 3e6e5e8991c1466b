// Writes consent strings like a consent manager: bit fields in base64url. Supports only consent to everything or nothing, for the
// vendors it asks about; a real consent manager has the IAB's vendor list and a registered id.

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** The highest id, which is not registered. A real consent manager has its own. */
const CMP_ID = 4095;
const CMP_VERSION = 1;
const VENDOR_LIST_VERSION = 1;
const TCF_POLICY_VERSION = 5;
const DAY_MS = 86_400_000;

/** The id of the US National section. */
const US_NATIONAL = 7;

const bits = (value, width) => value.toString(2).padStart(width, "0");
const letters = (text) => [...text].map((letter) => bits(letter.charCodeAt(0) - 65, 6)).join("");

const padded = (text, blockSize) => text.padEnd(Math.ceil(text.length / blockSize) * blockSize, "0");

function base64Url(text) {
  return padded(text, 6).replace(/.{6}/g, (six) => BASE64URL[Number.parseInt(six, 2)]);
}

/** GPP pads to whole bytes before it encodes groups of six bits. */
const gppBase64Url = (text) => base64Url(padded(text, 8));

/** The vendors that the Gazette asks about. Their ids are not in the IAB's list, as the companies are made up. */
export const VENDORS = [4001, 4002, 4003, 4004];

/** A list of vendors as ranges of one id each. */
function vendorRanges(ids) {
  if (ids.length === 0) return bits(0, 16) + bits(0, 1);
  const ranges = ids.map((id) => bits(0, 1) + bits(id, 16));
  return bits(Math.max(...ids), 16) + bits(1, 1) + bits(ids.length, 12) + ranges.join("");
}

/** The core and disclosed-vendors segments of a TC string, version 2: consent to all purposes and vendors, or to none. */
export function tcString({ granted, country, nowMs }) {
  // Both times are the start of the day: a finer time could identify visitors.
  const time = bits(Math.floor(nowMs / DAY_MS) * (DAY_MS / 100), 36);
  const purposes = (granted ? "1".repeat(11) : "").padEnd(24, "0");
  const core = [
    bits(2, 6),
    time,
    time,
    bits(CMP_ID, 12),
    bits(CMP_VERSION, 12),
    bits(1, 6), // the screen on which the choice was made
    letters("EN"),
    bits(VENDOR_LIST_VERSION, 12),
    bits(TCF_POLICY_VERSION, 6),
    bits(1, 1), // service-specific
    bits(0, 1), // standard texts
    bits(0, 12), // special features
    purposes,
    bits(0, 24), // purposes by legitimate interest
    bits(0, 1), // purpose 1 has no special treatment
    letters(country),
    vendorRanges(granted ? VENDORS : []),
    vendorRanges([]), // vendors by legitimate interest
    bits(0, 12), // publisher restrictions
  ];
  // TCF 2.3 requires the segment: the vendors that the visitor was asked about.
  const disclosedVendors = bits(1, 3) + vendorRanges(VENDORS);
  return `${base64Url(core.join(""))}.${base64Url(disclosedVendors)}`;
}

/** Whether a TC string consents to Purpose 1, which is bit 152 of it. */
export function isGranted(string) {
  return (BASE64URL.indexOf(string[25]) & 0b001000) !== 0;
}

/** A GPP string with one section, US National: one choice for sale, sharing and targeted advertising. */
export function usNationalString({ optedOut, gpc }) {
  const choice = bits(optedOut ? 1 : 2, 2);
  const notApplicable = bits(0, 2);
  const noticeGiven = bits(1, 2);
  const core = [
    bits(2, 6),
    noticeGiven.repeat(4), // sharing, and the opt-outs from sale, sharing and targeted advertising
    notApplicable.repeat(2), // notices about sensitive data
    choice.repeat(3), // sale, sharing, targeted advertising
    notApplicable.repeat(16), // sensitive data by kind
    notApplicable.repeat(3), // children by age
    notApplicable, // personal data beyond the notice
    bits(2, 2), // no transaction under the multi-state agreement
    notApplicable.repeat(2), // its modes
  ];
  const gpcSegment = bits(1, 2) + bits(gpc ? 1 : 0, 1);
  return `${gppHeader(US_NATIONAL)}~${gppBase64Url(core.join(""))}.${gppBase64Url(gpcSegment)}`;
}

/** The header of a GPP string: type 3, version 1, and the one section that follows. */
function gppHeader(section) {
  return gppBase64Url(bits(3, 6) + bits(1, 6) + bits(1, 12) + bits(0, 1) + fibonacci(section));
}

/** The Fibonacci code of an integer from 1: the Fibonacci numbers that add up to it, smallest first, then a one. */
function fibonacci(value) {
  const numbers = [1, 2];
  while (numbers.at(-1) < value) numbers.push(numbers.at(-1) + numbers.at(-2));
  let rest = value;
  let code = "";
  for (const number of numbers.reverse()) {
    if (number > rest && code === "") continue;
    code = (number <= rest ? "1" : "0") + code;
    if (number <= rest) rest -= number;
  }
  return `${code}1`;
}

/** The US Privacy string: version 1, notice given, opted out of sale or not, not under the limited-service agreement. */
export function usPrivacyString({ optedOut }) {
  return `1Y${optedOut ? "Y" : "N"}N`;
}
