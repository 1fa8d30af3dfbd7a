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

/** Phase 1 as that entry has it, with the key that all of them use. */
function ikev1Input(entry: Record<string, string>) {
  return {
    ni: hex(entry["in.initiatorNonce"]),
    nr: hex(entry["in.responderNonce"]),
    spiI: hex(entry["in.initiatorCookie"]),
    spiR: hex(entry["in.responderCookie"]),
    shared: hex(entry["in.dHSecret"]),
    publicI: hex(entry["in.keyExchangeData"]),
    publicR: hex(entry["in.peerKeyExchangeData"]),
    psk: Buffer.from("AAAA"),
  };
}

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
    expect(values).toEqual({
      SKEYSEED: wanted("IKE_SKEYSEED_HEX_STRING"),
      SK_d: wanted("IKE_SK_D_HEX_STRING"),
      SK_ai: wanted("IKE_SK_AUTH_INIT_HEX_STRING"),
      SK_ar: wanted("IKE_SK_AUTH_RESP_HEX_STRING"),
      SK_ei: wanted("IKE_SK_ENCR_INIT_HEX_STRING"),
      SK_er: wanted("IKE_SK_ENCR_RESP_HEX_STRING"),
      SK_pi: wanted("IKE_SK_PRF_INIT_HEX_STRING"),
      SK_pr: wanted("IKE_SK_PRF_RESP_HEX_STRING"),
      "KEYMAT initiator encryption": wanted("FIRST_CHILD_ENCR_INIT_HEX_STRING"),
      "KEYMAT initiator integrity": wanted("FIRST_CHILD_AUTH_INIT_HEX_STRING"),
      "KEYMAT responder encryption": wanted("FIRST_CHILD_ENCR_RESP_HEX_STRING"),
      "KEYMAT responder integrity": wanted("FIRST_CHILD_AUTH_RESP_HEX_STRING"),
    });
  });

  it("of IKEv1: SKEYID_*, the key and the first IV as recorded", () => {
    const entry = rub[0] ?? {};
    const values = byName(
      deriveIkev1({
        ...ikev1Input(entry),
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

  it("of IKEv1: the IV of a later exchange as recorded", () => {
    const entry = rub[1] ?? {};
    const values = byName(
      deriveIkev1({
        ...ikev1Input(entry),
        ike: "aes128-sha1",
        lastBlock: hex(entry["out.IV"]),
        messageId: 0xd8029d42,
      }),
    );
    expect(values["IV of d8029d42"]).toBe(entry['out.IV(("d8029d42"))']);
  });

  it("of IKEv1: KEYMAT of both directions as recorded", () => {
    const entry = rub[2] ?? {};
    const values = byName(
      deriveIkev1({
        ...ikev1Input(entry),
        ike: "aes128-sha1",
        esp: "aes128-sha1",
        espSpiI: hex(entry["phase2In.inboundSpi"]),
        espSpiR: hex(entry["phase2In.outboundSpi"]),
        childNi: hex(entry["phase2In.initiatorNonce"]),
        childNr: hex(entry["phase2In.responderNonce"]),
      }),
    );
    // The source prints more of the stream than these algorithms take.
    const said = (end: string) => `${values[`KEYMAT ${end}, encryption`]}${values[`KEYMAT ${end}, integrity`]}`;
    expect(said("to the initiator")).toHaveLength(72);
    expect(entry["out.inboundKeyMaterial"]?.slice(0, 72)).toBe(said("to the initiator"));
    expect(entry["out.outboundKeyMaterial"]?.slice(0, 72)).toBe(said("to the responder"));
  });

  it("says what KEYMAT of IKEv1 lacks, and which SPI cannot be one", () => {
    const input = { ...ikev1Input(rub[2] ?? {}), ike: "aes128-sha1" };
    expect(() => deriveIkev1({ ...input, esp: "aes128-sha1" })).toThrow("needs the SPI");
    expect(() => deriveIkev1({ ...input, spiI: Buffer.alloc(7) })).toThrow("--spi-i has 7 octets, possible are 8");
    expect(() => deriveIkev2({ ...input, spiR: Buffer.alloc(4) })).toThrow("--spi-r has 4 octets, possible are 8");
    expect(() => deriveIkev1({ ...input, esp: "aes128-sha1", espSpiI: Buffer.alloc(8) })).toThrow("possible are 4");
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
