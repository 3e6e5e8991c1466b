/** The configuration: the fields of `edgeCookie`. docs/edge-cookie/configuration.md in the repository has every field. */
export const options = (env) => ({
  publisher: { domain: env.DOMAIN ?? "example.com" },
  passphrases: [env.PASSPHRASE],
  // Headers in which your proxy sends the visitor's address, country and region. Without `ipHeader` the socket's address
  // counts. Without `countryHeader` no id is minted, unless `consent.assumeCountry` is set.
  client: {
    ipHeader: env.IP_HEADER ?? null,
    countryHeader: env.COUNTRY_HEADER ?? null,
    regionHeader: env.REGION_HEADER ?? null,
    protocolHeader: env.PROTOCOL_HEADER ?? null,
  },
  store: env.STORE ?? "sqlite:./data/millrace.db",
});
