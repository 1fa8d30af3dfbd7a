import { describe, expect, it } from "vitest";
import type { Decoded } from "../../../src/decode/decoded.ts";
import type { Field } from "../../../src/decode/field.ts";
import { opened, valuesOf } from "./open-capture.ts";
import { captureOf, payloadFields, printed, valueAt } from "./print-outs.ts";

/** Facts on which Zeek and Suricata print about the same captures. */

const exchangeNumbers: Readonly<Record<string, number>> = {
  IDENTITY_PROTECTION: 2,
  AGGRESSIVE: 4,
  QUICK_MODE: 32,
};

const payloadNumbers: Readonly<Record<string, number>> = { SA: 1, KE: 4, ID: 5, HASH: 8 };

const attributeNumbers: Readonly<Record<string, number>> = {
  ENCRYPTION_ALGORITHM: 1,
  HASH_ALGORITHM: 2,
  AUTHENTICATION_METHOD: 3,
  GROUP_DESCRIPTION: 4,
  LIFE_TYPE: 11,
  LIFE_DURATION: 12,
  KEY_LENGTH: 14,
};

const values: Readonly<Record<string, number>> = {
  AES_CBC: 7,
  "3DES_CBC": 5,
  MD5: 1,
  SHA: 2,
  PRE_SHARED_KEY: 1,
  RSA_SIGNATURES: 3,
  MODP_1024: 2,
  SECONDS: 1,
};

/** Octets as Zeek writes them. */
function octets(text: string): string {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = /^\\x([0-9a-f]{2})/.exec(text.slice(at, at + 4))?.[1];
    bytes.push(code === undefined ? text.charCodeAt(at) : Number.parseInt(code, 16));
    if (code !== undefined) at += 3;
  }
  return Buffer.from(bytes).toString("hex");
}

/** Zeek's events about IKEv1, in our words; T is the first sender's. */
function zeekFacts(text: string): string[] {
  return text
    .split("\n")
    .flatMap((line) => {
      const [, event, direction, body = ""] = /^(\w+) ([TF])\w+\[(.*)\]$/.exec(line) ?? [];
      const value = (name: string) => new RegExp(`(?:^|, )${name}=(.*?)(?=, \\w+=|$)`).exec(body)?.[1] ?? "";
      switch (event) {
        case "ike_message":
          return `${direction} ${octets(value("initiator_spi"))} ${octets(value("responder_spi"))} first ${value("next_payload")} exchange ${value("exchange_type")} ${value("flag_e") === "T" ? "encrypted " : ""}id ${value("message_id")} length ${value("length")}`;
        case "ike_data_attribute": {
          const number = Number.parseInt(octets(value("attribute_val")), 16);
          return `${direction} transform ${value("transform_id")} of ${value("proposal_num")}: attribute ${value("attribute_type")} = ${number}`;
        }
        case "ikev1_ke_payload":
          return `${direction} KE ${octets(value("key_exchange_data"))}`;
        case "ikev1_n_payload":
          return `${direction} NONCE of ${value("nonce_data_len")}`;
        case "ikev1_vid_payload":
          return `${direction} VID ${octets(value("vendor_id"))}`;
        case "ikev1_id_payload":
          return `${direction} ID of ${value("identification_data_len")}`;
        case "ikev1_hash_payload":
          return `${direction} HASH of ${value("hash_data_len")}`;
        case "ikev1_certreq_payload":
          return `${direction} CR ${value("cert_encoding")} ${octets(value("cert_authority"))}`;
        case "ikev1_p_payload":
          return `${direction} proposal ${value("proposal_num")} of ${value("num_transforms")} transforms`;
        case "ikev1_t_payload":
          return `${direction} transform ${value("transform_num")} of proposal ${value("proposal_num")}`;
        case "ikev1_sa_payload":
          return `${direction} SA`;
        default:
          return event === undefined ? [] : `${direction} ${event}?`;
      }
    })
    .sort();
}

/** The same of what we decoded without keys. */
function factsOf(decoded: readonly Decoded[]): string[] {
  const first = decoded[0]?.path.source;
  return decoded
    .flatMap((one) => {
      const direction = one.path.source === first ? "T" : "F";
      const [header] = one.fields;
      const at = (name: string) => valueAt(header?.fields ?? [], name) ?? "";
      const isEncrypted = at("flags").includes("encrypted");
      const payloads = payloadFields(one);
      const begins = isEncrypted ? (valueAt(payloads, "encrypted", "first inside") ?? "") : (payloads[0]?.name ?? "");
      const message = `${direction} ${at("initiator's cookie")} ${at("responder's cookie")} first ${payloadNumbers[begins]} exchange ${exchangeNumbers[at("exchange")]} ${isEncrypted ? "encrypted " : ""}id ${Number.parseInt(at("message ID"), 16)} length ${at("length")}`;
      return [message, ...(isEncrypted ? [] : payloads.flatMap(payloadFacts).map((fact) => `${direction} ${fact}`))];
    })
    .sort();
}

function payloadFacts({ name, value, fields: parts = [] }: Field): string[] {
  const data = valueAt(parts, "data") ?? "";
  switch (name) {
    case "SA":
      return ["SA", ...parts.flatMap(proposalFacts)];
    case "KE":
    case "VID":
      return [`${name} ${data}`];
    case "NONCE":
    case "HASH":
      return [`${name} of ${data.length / 2}`];
    case "ID":
      return [`ID of ${String(value).split(".").length}`];
    case "CR":
      // 4 is an X.509 certificate for signatures (RFC 2408 3.9).
      return [
        `CR ${(valueAt(parts, "encoding") ?? value) === "X509_CERTIFICATE_SIGNATURE" ? 4 : "?"} ${valueAt(parts, "authority") ?? data}`,
      ];
    default:
      return [];
  }
}

function proposalFacts({ name, fields: transforms = [] }: Field): string[] {
  const number = name.replace("proposal ", "");
  return [
    `${name} of ${transforms.length} transforms`,
    ...transforms.flatMap((transform) => [
      `${transform.name} of ${name}`,
      ...(transform.fields ?? []).map(
        // What Zeek calls the ID is that of KEY_IKE, which is 1.
        (one) =>
          `transform 1 of ${number}: attribute ${attributeNumbers[one.name]} = ${values[String(one.value)] ?? one.value}`,
      ),
    ]),
  ];
}

describe("Zeek", () => {
  it.each([
    ["zeek-ikev1-a.stdout", 44],
    ["zeek-ikev1-b.stdout", 45],
    ["zeek-ikev1-c.stdout", 45],
  ])("%s: the same messages, payloads, transforms, attributes, nonces, keys and Vendor IDs", async (output, count) => {
    const { decoded } = await opened(captureOf(output), { keys: false });
    const wanted = zeekFacts(printed(output));
    expect(wanted).toHaveLength(count);
    expect(factsOf(decoded)).toEqual(wanted);
  });

  it("ipsec_ah: the same AH and ESP packets, by addresses, SPI and sequence number", async () => {
    const { decoded } = await opened(captureOf("zeek-ipsec_ah.stdout"));
    const lines = printed("zeek-ipsec_ah.stdout")
      .split("\n")
      .filter((line) => line.startsWith("ah_message"))
      .map((line) => line.replace("ah_message_over_ip ", "").replaceAll(/[^0-9.]/g, ""));
    expect(lines).toHaveLength(10);
    // Zeek prints the columns without anything between them; what follows the sequence number is AH's next header and length.
    const ours = decoded.map(
      ({ path, packet }) => `${path.source}${path.destination}${packet?.spi}${packet?.sequence}`,
    );
    expect(decoded.every(({ kind }) => kind === "ah")).toBe(true);
    expect(ours.map((one) => lines.filter((line) => line.startsWith(one)).length)).toEqual(ours.map(() => 1));
    // What Zeek prints as ESP's SPI and sequence number stands nowhere in its header: the addresses are what can be compared.
    const esp = printed("zeek-ipsec_ah.stdout").matchAll(/^esp_message_over_ip (10\.0\.0\.[12])(10\.0\.0\.[12])/gm);
    const inside = decoded.filter(({ summary }) => /^AH [0-9a-f]{8} #\d+: ESP [0-9a-f]{8} #\d+: /.test(summary));
    expect(inside.map(({ path }) => `${path.source} ${path.destination}`).sort()).toEqual(
      Array.from(esp, ([, from, to]) => `${from} ${to}`).sort(),
    );
  });
});

describe("Suricata", () => {
  it("main mode: the cookies, nonces, exchange and attributes", async () => {
    const text = printed("suricata-ikev1-main-mode.test.yaml");
    const { decoded } = await opened(captureOf("suricata-ikev1-main-mode.test.yaml"));
    const fields = JSON.stringify(decoded.map((one) => one.fields));
    for (const key of ["init_spi", "resp_spi", "nonce_payload"]) {
      const found = Array.from(text.matchAll(new RegExp(`${key}: "([0-9a-f]+)"`, "g")), ([, value]) => value ?? "");
      expect(found.length, key).toBeGreaterThan(0);
      for (const value of found) expect(fields, key).toContain(value);
    }
    expect(text).toMatch(
      /alg_enc: "EncAesCbc"[\s\S]*alg_hash: "HashSha"[\s\S]*alg_dh: "GroupAlternate1024BitModpGroup"[\s\S]*alg_auth: "AuthPreSharedKey"/,
    );
    expect(decoded.find(({ number }) => number === 2)?.remark).toMatch(/AES_CBC 128 SHA MODP_1024 PRE_SHARED_KEY/);
    expect(text).toContain('{"key": "sa_life_duration", "value": "Unknown", "raw": 86400}');
    expect(valuesOf(decoded[1]?.fields ?? [], "LIFE_DURATION")).toEqual(["86400"]);
    expect(valuesOf(decoded[1]?.fields ?? [], "LIFE_TYPE")).toEqual(["SECONDS"]);
  });

  it("transforms: as many messages of either end", async () => {
    const text = printed("suricata-ikev1-transforms.test.yaml");
    const { decoded } = await opened(captureOf("suricata-ikev1-transforms.test.yaml"), { keys: false });
    const alerts = (whose: string) =>
      Number(
        new RegExp(`count: (\\d+)\\s+match:\\s+event_type: alert\\s+alert.signature: "ike ${whose}`).exec(text)?.[1],
      );
    const first = decoded[0]?.path.source;
    expect(decoded.filter(({ path }) => path.source === first)).toHaveLength(alerts("initiator"));
    expect(decoded.filter(({ path }) => path.source !== first)).toHaveLength(alerts("responder"));
  });

  it("weak-dh: the SPIs, version, exchange, role and order of payloads, and the weak groups", async () => {
    const text = printed("suricata-ikev2-weak-dh.test.yaml");
    const { decoded } = await opened(captureOf("suricata-ikev2-weak-dh.test.yaml"));
    const [first] = decoded;
    const header = first?.fields[0]?.fields ?? [];
    const said = (name: string) => new RegExp(`ike\\.${name}: "?([\\w]+)"?`).exec(text)?.[1];
    expect(valueAt(header, "initiator's SPI")).toBe(said("init_spi"));
    expect(valueAt(header, "responder's SPI")).toBe(said("resp_spi"));
    expect(valueAt(header, "version")).toBe(`${said("version_major")}.0`);
    expect([valueAt(header, "exchange"), said("exchange_type")]).toEqual(["IKE_SA_INIT", "34"]);
    expect(valueAt(header, "message ID")).toBe(said("message_id"));
    expect(valueAt(header, "flags")).toContain(said("role"));
    const names: Readonly<Record<string, string>> = { Nonce: "Nonce", KeyExchange: "KE", SecurityAssociation: "SA" };
    const order = Array.from(text.matchAll(/ike\.payload\[\d\]: (\w+)/g), ([, name]) => names[name ?? ""]);
    expect([...payloadFields(first as Decoded).map(({ name }) => name), undefined]).toEqual(order);
    expect(text).toContain("weak cryptographic parameters (Diffie-Hellman)");
    expect(valuesOf(first?.fields ?? [], "KE")).toContain("MODP_1024");
  });
});
