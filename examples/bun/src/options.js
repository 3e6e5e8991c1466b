/** The configuration; docs/configuration.md in the package's repository has every field. */
export const options = (env) => ({
  publisher: { domain: env.DOMAIN ?? "example.com" },
  ec: { passphrases: [env.PASSPHRASE] },
  // The headers in which your proxy says who asks and from where, such as x-real-ip and x-country. Without an `ipHeader` it
  // is the socket's address; without a `countryHeader` nobody is given an id, unless you assume a country.
  client: {
    ipHeader: env.IP_HEADER ?? null,
    countryHeader: env.COUNTRY_HEADER ?? null,
    regionHeader: env.REGION_HEADER ?? null,
  },
  store: env.STORE ?? "sqlite:./data/millrace.db",
});
