import { describe, expect, test } from "vitest";
import { ikev1Methods } from "../../../src/sa/ikev1-methods.ts";
import { host, type KeyKind, signing, trusting } from "../engine/certificates.ts";
import { nullRound, pskRound } from "../engine/desired.ts";

const keys = (...kinds: KeyKind[]) => signing(kinds.map((kind) => host("gw-a.example", kind)));

describe("the Authentication Methods of a section", () => {
  test("one secret of both ends, and not two", () => {
    expect(ikev1Methods({ local: [pskRound()], remote: [pskRound()] })).toEqual([1]);
    expect(ikev1Methods({ local: [pskRound("one")], remote: [pskRound("another")] })).toEqual([]);
  });

  test("keys that IKEv1 has a method for, in their order", () => {
    expect(ikev1Methods({ local: [keys("p384", "rsa", "p256", "p521")], remote: [trusting()] })).toEqual([
      10, 3, 9, 11,
    ]);
    expect(ikev1Methods({ local: [keys("ed25519", "brainpool")], remote: [trusting()] })).toEqual([]);
  });

  test("both ends prove themselves alike, in one round, and not by nothing", () => {
    expect(ikev1Methods({ local: [keys("rsa")], remote: [pskRound()] })).toEqual([]);
    expect(ikev1Methods({ local: [pskRound()], remote: [trusting()] })).toEqual([]);
    expect(ikev1Methods({ local: [nullRound], remote: [nullRound] })).toEqual([]);
    expect(ikev1Methods({ local: [pskRound(), pskRound()], remote: [pskRound(), pskRound()] })).toEqual([]);
  });
});
