import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type DerivedValue, DeriveError, deriveIkev1, deriveIkev2 } from "../../../src/vectors/derive.ts";

const android = JSON.parse(
  readFileSync(new URL("../../../vectors/sources/handshakes/aosp-ike-constants.json", import.meta.url), "utf8"),
).classes.find((entry: { class: string }) => entry.class === "SaRecordTest").constants as Record<string, string>;

const rub = JSON.parse(
  readFileSync(new URL("../../../vectors/sources/handshakes/rub-ike-handshakes.json", import.meta.url), "utf8"),
).keyDerivation.ikev1 as Record<string, string>[];

const hex = (digits: string | undefined) => Buffer.from(digits ?? "", "hex");

function byName(values: readonly DerivedValue[]): Record<string, string> {
  return Object.fromEntries(values.map(({ name, value }) => [name, Buffer.from(value).toString("hex")]));
}

describe("derivation by hand", () => {
  it("of IKEv2: SKEYSEED, SK_* and KEYMAT as Android has them", () => {
    const values = byName(
      deriveIkev2({
        ni: hex(android.IKE_NONCE_INIT_HEX_STRING),
        nr: hex(android.IKE_NONCE_RESP_HEX_STRING),
        spiI: hex(android.IKE_INIT_SPI),
        spiR: hex(android.IKE_RESP_SPI),
        shared: hex(android.IKE_SHARED_DH_KEY_HEX_STRING),
        ike: "aes128-sha1-modp1024",
        esp: "aes128-sha1",
      }),
    );
    const wanted = (name: string) => android[name]?.toLowerCase();
    expect(values.SKEYSEED).toBe(wanted("IKE_SKEYSEED_HEX_STRING"));
    expect(values.SK_d).toBe(wanted("IKE_SK_D_HEX_STRING"));
    expect(values.SK_ai).toBe(wanted("IKE_SK_AUTH_INIT_HEX_STRING"));
    expect(values.SK_er).toBe(wanted("IKE_SK_ENCR_RESP_HEX_STRING"));
    expect(values.SK_pr).toBe(wanted("IKE_SK_PRF_RESP_HEX_STRING"));
    expect(values["KEYMAT initiator encryption"]).toBe(wanted("FIRST_CHILD_ENCR_INIT_HEX_STRING"));
    expect(values["KEYMAT responder integrity"]).toBe(wanted("FIRST_CHILD_AUTH_RESP_HEX_STRING"));
  });

  it("of IKEv1: SKEYID_*, the key and the first IV as recorded", () => {
    const entry = rub[0] ?? {};
    const values = byName(
      deriveIkev1({
        ni: hex(entry["in.initiatorNonce"]),
        nr: hex(entry["in.responderNonce"]),
        spiI: hex(entry["in.initiatorCookie"]),
        spiR: hex(entry["in.responderCookie"]),
        shared: hex(entry["in.dHSecret"]),
        publicI: hex(entry["in.keyExchangeData"]),
        publicR: hex(entry["in.peerKeyExchangeData"]),
        psk: Buffer.from("AAAA"),
        ike: "aes128-sha1",
      }),
    );
    expect(values.SKEYID).toBe(entry["out.SKEYID"]);
    expect(values.SKEYID_d).toBe(entry["out.SKEYID_d"]);
    expect(values.SKEYID_a).toBe(entry["out.SKEYID_a"]);
    expect(values.SKEYID_e).toBe(entry["out.SKEYID_e"]);
    expect(values["encryption key"]).toBe(entry["out.Ka"]);
    expect(values.IV).toBe(entry["out.IV"]);
  });

  it("says which word is no algorithm", () => {
    const nothing = Buffer.alloc(8);
    const input = {
      ni: nothing,
      nr: nothing,
      spiI: nothing,
      spiR: nothing,
      shared: nothing,
      ike: "aes128-sha1-nonsense",
    };
    expect(() => deriveIkev2(input)).toThrow(DeriveError);
    expect(() => deriveIkev2(input)).toThrow('"nonsense"');
  });
});
