/** Common placeholders, in lower case and with letters only. */
const PLACEHOLDERS = new Set(
  (
    "changeme changethis changeit replaceme replacethis secret mysecret yoursecret yoursecrethere topsecret supersecret " +
    "secretsecret secretkey password mypassword yourpassword yourpasswordhere passphrase mypassphrase " +
    "yourpassphrase yourpassphrasehere example examplesecret examplepassphrase default defaultsecret placeholder " +
    "test testtest testsecret todo fixme millrace millracesecret admin administrator letmein qwerty qwertyuiop abcdefgh"
  ).split(" "),
);

const MIN_BYTES = 8;

/**
 * Checks a publisher's passphrase. It must be hard to guess: with it anyone can compute the EC hash of any address.
 * @returns what is expected instead; `null`: the passphrase is good.
 */
export function passphraseFault(passphrase: string): string | null {
  if (new TextEncoder().encode(passphrase).length < MIN_BYTES) {
    return `at least ${MIN_BYTES} bytes; \`millrace keys\` makes a good one`;
  }
  const letters = passphrase.toLowerCase().replace(/[^a-z]/g, "");
  const isPlaceholder =
    PLACEHOLDERS.has(letters) ||
    /^<.*>$/.test(passphrase) ||
    /^(.)\1*$/.test(passphrase) ||
    "01234567890123456789".includes(passphrase);
  return isPlaceholder ? "a secret of your own, not a placeholder; `millrace keys` makes a good one" : null;
}
