import { describe, expect, it } from "vitest";
import { Decoder } from "../../../src/decode/decoder.ts";
import { KeyStore } from "../../../src/decode/keys/key-store.ts";
import { addWiresharkTable } from "../../../src/decode/keys/wireshark.ts";
import { Conversations } from "../../../src/explain/conversation.ts";
import { explain } from "../../../src/explain/explain.ts";
import { ikeSaLine } from "../../../src/observe/wireshark-keys.ts";
import type { PeerOptions } from "../engine/desired.ts";
import { a, b, ends, facing } from "../engine/pair.ts";
import type { Datagram } from "../engine/world.ts";

/** What is explained of two engines that begin to speak, with the keys of one unless it stays closed. */
function explained(one: PeerOptions, two: PeerOptions, { keys = true, heard = true, wait = 3000 } = {}): string[] {
  const store = new KeyStore();
  const said: Datagram[] = [];
  const pair = ends({
    one: {
      keyWitness: (sa) => {
        if (keys && sa.version === 2) addWiresharkTable(ikeSaLine(sa), store);
      },
    },
    network: (datagram) => {
      said.push(datagram);
      return heard ? [10] : [];
    },
  });
  pair.two.configure(facing(b, { initiate: false, ...two }));
  pair.one.configure(facing(a, one));
  pair.world.run(wait);
  const [decoder, conversations] = [new Decoder(store), new Conversations()];
  for (const [index, { octets, path }] of said.entries()) {
    const between = {
      source: path.local.address,
      sourcePort: path.local.port,
      destination: path.remote.address,
      destinationPort: path.remote.port,
    };
    for (const decoded of decoder.decodeMessage(index + 1, index, between, Buffer.from(octets))) {
      conversations.add(decoded);
    }
  }
  return explain(conversations.all()).flatMap(({ sentences }) => sentences);
}

const net = (third: number) => ({ address: `10.${third}.0.0`, length: 16 });
const tunnel = (local: number, remote: number): PeerOptions => ({
  protect: [{ kind: "tunnel", local: net(local), remote: net(remote) }],
});

describe("a refusal in sentences", () => {
  it("of proposals, where the other's list is not known: what was offered, and what either end would have to change", () => {
    const sentences = explained({ ike: ["aes128-sha256-x25519"] }, { ike: ["aes256-sha256-x25519"] });
    expect(sentences.slice(0, 4)).toEqual([
      `IKE_SA_INIT 0: ${b} refused with NO_PROPOSAL_CHOSEN.`,
      `${a} offered aes128-sha256-x25519.`,
      `${b} does not say what it would take, and nowhere in this capture offers anything itself: look at its configuration.`,
      `Either ${a} adds what ${b} is configured with, or ${b} takes one of the proposals above.`,
    ]);
  });

  it("of proposals, where both lists are known: the first differing value, and what either end would have to change", () => {
    const sentences = explained(
      { ike: ["aes128-sha256-x25519"] },
      { ike: ["aes128-sha512-x25519"], initiate: true, protect: [{ kind: "gre" }] },
    );
    const refusal = sentences.indexOf(`IKE_SA_INIT 0: ${b} refused with NO_PROPOSAL_CHOSEN.`);
    expect(sentences.slice(refusal + 1, refusal + 5)).toEqual([
      `${a} offered aes128-sha256-x25519.`,
      `${b} elsewhere in this capture takes aes128-sha512-x25519.`,
      `The first difference is integrity: ${a} has sha256, ${b} has sha512.`,
      `Either ${a} offers sha512, or ${b} takes sha256.`,
    ]);
  });

  it("of the Child SA's proposals, inside the encryption", () => {
    const sentences = explained({ esp: ["aes128-sha256"] }, { esp: ["aes256-sha256"] });
    expect(sentences).toContain(`IKE_AUTH 1: ${b} refused with NO_PROPOSAL_CHOSEN.`);
    expect(sentences).toContain(`${a} offered aes128-sha256.`);
  });

  it("of selectors: those that were asked for", () => {
    const sentences = explained(tunnel(1, 2), tunnel(4, 3));
    expect(sentences).toContain(`IKE_AUTH 1: ${b} refused with TS_UNACCEPTABLE.`);
    expect(sentences).toContain(`${a} asked for 10.1.0.0/16 <-> 10.2.0.0/16; ${b} protects nothing within them.`);
    expect(sentences).toContain(
      "Either end has to name networks that the other's configuration overlaps, with the same protocol and ports.",
    );
  });

  it("of a proof: what to compare", () => {
    const sentences = explained({ psk: "one secret of the two" }, { psk: "another secret of theirs" });
    expect(sentences).toContain(`IKE_AUTH 1: ${b} refused with AUTHENTICATION_FAILED.`);
    expect(sentences.some((sentence) => sentence.startsWith(`${b} did not believe who ${a} says it is`))).toBe(true);
    expect(sentences.some((sentence) => sentence.startsWith("Compare the secret, and the identities"))).toBe(true);
  });

  it("without keys says that it is closed, and guesses at nothing", () => {
    const sentences = explained(tunnel(1, 2), tunnel(4, 3), { keys: false });
    expect(sentences.join("\n")).toContain("IKE_AUTH 1: answered; encrypted, and no key for it (--keys).");
    expect(sentences.join("\n")).not.toContain("TS_UNACCEPTABLE");
  });

  it("by silence: what was offered, and how often", () => {
    const sentences = explained({ ike: ["aes128-sha256-x25519"] }, {}, { heard: false, wait: 10_000 });
    expect(sentences[0]).toContain(`IKE_SA_INIT 0: ${a} asked ${b} and got no answer in this capture.`);
    expect(sentences[1]).toBe(`${a} offered aes128-sha256-x25519.`);
    expect(sentences.at(-1)).toMatch(/^\d+ messages? (?:was|were) sent again: an answer was lost or late\.$/);
  });
});
