import { expect, test } from "vitest";
import { otlpSettings } from "../../../../worker/config/otlp-settings.ts";

const ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT";

test.each([
  ["http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"],
  ["https://collector.example/otlp/", "https://collector.example/otlp/v1/traces"],
])("spans for %s go to %s", (endpoint, url) => {
  expect(otlpSettings({ [ENDPOINT]: endpoint })).toEqual({
    settings: { url, headers: {}, serviceName: "millrace" },
    faults: [],
  });
});

test("the other variables of OpenTelemetry hold beside the endpoint", () => {
  const env = {
    [ENDPOINT]: "http://127.0.0.1:4318",
    OTEL_EXPORTER_OTLP_HEADERS: "X-Key=a%20b, x-tenant=c=d",
    OTEL_SERVICE_NAME: "the-site",
  };
  expect(otlpSettings(env).settings).toMatchObject({
    headers: { "x-key": "a b", "x-tenant": "c=d" },
    serviceName: "the-site",
  });
});

test.each([{}, { [ENDPOINT]: "" }, { OTEL_EXPORTER_OTLP_HEADERS: "no pair" }])(
  "without an endpoint, as with %j, no spans are sent",
  (env) => {
    expect(otlpSettings(env)).toEqual({ settings: null, faults: [] });
  },
);

test.each([
  [{ [ENDPOINT]: "127.0.0.1:4318" }, [ENDPOINT]],
  [{ [ENDPOINT]: "http://user:secret@127.0.0.1:4318" }, [ENDPOINT]],
  [
    {
      [ENDPOINT]: "http://127.0.0.1:4318",
      OTEL_EXPORTER_OTLP_HEADERS: "a b=secret",
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    },
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS"],
  ],
])("%j has faults, which tell no secret", (env, fields) => {
  const { settings, faults } = otlpSettings(env);
  expect([settings, faults.map(({ field }) => field)]).toEqual([null, fields]);
  expect(JSON.stringify(faults)).not.toContain("secret@");
  expect(JSON.stringify(faults)).not.toContain("=secret");
});
