import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { deriveIkeKeys, rekeySkeyseed } from "../../../src/crypto/ikev2-keys.ts";
import { importKePair, type KePair } from "../../../src/crypto/key-exchange.ts";
import { makeSkCipher } from "../../../src/crypto/sk-cipher.ts";
import { findKeyword } from "../../../src/crypto/transforms.ts";
import type { Decoded } from "../../../src/decode/decoded.ts";
import { Decoder } from "../../../src/decode/decoder.ts";
import { deriveIke } from "../../../src/decode/ikev2/derive.ts";
import { KeyStore } from "../../../src/decode/keys/key-store.ts";
import { Conversations } from "../../../src/explain/conversation.ts";
import { explain } from "../../../src/explain/explain.ts";
import { sealMessage } from "../../../src/ikev2/protected-message.ts";
import { decodeMessage } from "../../../src/wire/ikev2/message.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { captured, ipv4, ipv6, udp } from "./frames.ts";

interface Handshake {
  readonly id: string;
  readonly preSharedKey: string;
  readonly dhPrivateInitiator: string;
  readonly messages: readonly { readonly from: "initiator" | "responder"; readonly hex: string }[];
}

const file = JSON.parse(
  readFileSync(new URL("../../../vectors/sources/handshakes/rub-ike-handshakes.json", import.meta.url), "utf8"),
) as { handshakes: readonly Handshake[]; esp: readonly { packet: string }[] };

const [one, two] = ["10.0.3.1", "10.0.3.10"];

/** A recorded handshake, and what there is to open it: the pre-shared key and the initiator's private value. */
function given(id: string, secret?: string): { messages: Handshake["messages"]; keys: KeyStore } {
  const handshake = file.handshakes.find((each) => each.id === id);
  if (handshake === undefined) throw new Error(`no handshake ${id}`);
  const keys = new KeyStore();
  keys.preSharedKeys.push(Buffer.from(secret ?? handshake.preSharedKey));
  keys.privateValues.push(Buffer.from(handshake.dhPrivateInitiator, "hex"));
  return { messages: handshake.messages, keys };
}

/** What is read of it between two hosts. */
function read(id: string, secret?: string): { decoded: Decoded[]; keys: KeyStore } {
  const { messages, keys } = given(id, secret);
  const decoder = new Decoder(keys);
  const decoded = messages.flatMap(({ from, hex }, index) => {
    const [source, destination] = from === "initiator" ? [one, two] : [two, one];
    return decoder.decode(captured(udp(source, destination, 500, Buffer.from(hex, "hex")), index + 1));
  });
  return { decoded, keys };
}

describe("a handshake with real responders, from a pre-shared key and one private value", () => {
  it("IKEv1: every message opens, every hash is right, the IPsec SAs' keys follow", () => {
    const { decoded, keys } = read("v1-main-psk");
    expect(decoded.map(({ tone }) => tone)).not.toContain("closed");
    expect(decoded.flatMap(({ notes }) => notes)).toEqual([
      "HASH(1) is right",
      "HASH(2) is right",
      "the IPsec SA's keys were derived",
      "HASH(3) is right",
    ]);
    expect(keys.esp(0xb75ad16c, two, one)).toHaveLength(1);
    expect(keys.esp(0xc6bf8b4d, one, two)).toHaveLength(1);
  });

  it.each([
    ["both ends have one address and port", (message: Buffer) => captured(udp(one, one, 500, message))],
    ["it was pasted without addresses", (message: Buffer) => ({ ...captured(message, 1, 147), time: undefined })],
  ])("IKEv1: every message opens where %s", (_, captureOf) => {
    const { messages, keys } = given("v1-main-psk");
    const decoder = new Decoder(keys);
    const decoded = messages.flatMap(({ hex }) => decoder.decode(captureOf(Buffer.from(hex, "hex"))));
    expect(decoded).toHaveLength(9);
    expect(decoded.flatMap(({ notes }) => notes)).toEqual([
      "HASH(1) is right",
      "HASH(2) is right",
      "the IPsec SA's keys were derived",
      "HASH(3) is right",
    ]);
    const conversations = new Conversations();
    for (const each of decoded) conversations.add(each);
    const [offered, chose] = explain(conversations.all())[0]?.sentences ?? [];
    expect(offered).toContain("offered AES_CBC 128 SHA MODP_1024 PRE_SHARED_KEY");
    expect(chose).toContain("chose AES_CBC 128 SHA MODP_1024 PRE_SHARED_KEY");
  });

  it("IKEv1: with another key nothing opens, and it is said", () => {
    const { decoded } = read("v1-main-psk", "BBBB");
    const sealed = decoded.filter(({ summary }) => summary.includes("encrypted"));
    expect(sealed.length).toBeGreaterThan(3);
    expect(sealed[0]?.tone).toBe("refused");
  });

  it.each(["v1-main-psk", "v2-psk"])(
    "%s: a message changed in its middle is not taken for one that was sent before",
    (name) => {
      const [first, second, third] = given(name).messages.map(({ hex }) => Buffer.from(hex, "hex"));
      // A public value is in it, of more than a hundred octets before anything that tells messages apart.
      const message = name.startsWith("v1") ? third : first;
      if (message === undefined || second === undefined) throw new Error("the recorded messages");
      const changed = Buffer.from(message);
      const middle = Math.floor(message.length / 2);
      changed.writeUInt8(message.readUInt8(middle) ^ 1, middle);
      const decoder = new Decoder(new KeyStore());
      const repeats = [message, changed, message].map((octets) =>
        decoder.decode(captured(udp(one, one, 500, octets))).some(({ notes }) => notes.includes("sent before")),
      );
      expect(repeats).toEqual([false, false, true]);
    },
  );

  const wrong = (count: number) => Array.from({ length: count }, (_, index) => `wrong ${index}`);

  /** The notes on the handshake with these pre-shared keys, something else sent before its first encrypted message. */
  function notesWith(secrets: readonly string[], forged: readonly Buffer[] = []): string[] {
    const { messages, keys } = given("v1-main-psk");
    keys.preSharedKeys.splice(0, 1, ...secrets.map((secret) => Buffer.from(secret)));
    const recorded = messages.map(({ hex }) => Buffer.from(hex, "hex"));
    const all = [...recorded.slice(0, 4), ...forged, ...recorded.slice(4)];
    const decoder = new Decoder(keys);
    return all.flatMap((octets) => decoder.decode(captured(udp(one, one, 500, octets))).flatMap(({ notes }) => notes));
  }

  const whole = ["HASH(1) is right", "HASH(2) is right", "the IPsec SA's keys were derived", "HASH(3) is right"];

  it("IKEv1: of several pre-shared keys the right one opens it, wherever it stands", () => {
    expect(notesWith(["AAAA", "BBBB", "CCCC"])).toEqual(whole);
    expect(notesWith(["BBBB", "CCCC", "AAAA"])).toEqual(whole);
  });

  it.each([
    ["that none of the pre-shared keys opens", 8, "00".repeat(64)],
    // As one of 65,536 forged ones would be by chance.
    ["that a wrong one opens to a Vendor ID", 13, "99fa3cb5d68b3dbcf896c3022ae73b4d"],
  ])("IKEv1: a message before it %s decides nothing", (_, first, ciphertext) => {
    const cookies = given("v1-main-psk").messages[4]?.hex.slice(0, 32);
    const type = first.toString(16).padStart(2, "0");
    const length = (28 + ciphertext.length / 2).toString(16).padStart(8, "0");
    // INFORMATIONAL, encrypted, and the message ID that its IV is of.
    const forged = Buffer.from(`${cookies}${type}10050101020304${length}${ciphertext}`, "hex");
    expect(notesWith(["CCCC", "BBBB", "AAAA"], [forged]).slice(-4)).toEqual(whole);
  });

  describe("a forged choice of a cipher of other blocks", () => {
    const { messages } = given("v1-main-psk");
    const [, choice, , , sealed] = messages;
    if (choice === undefined || sealed === undefined) throw new Error("the recorded messages");
    // 3DES in place of AES-128: another value of type 1, a lifetime in seconds in place of the key's length.
    const forged = { ...choice, hex: choice.hex.replace("80010007", "80010005").replace("800e0080", "800b0001") };

    function read(all: Handshake["messages"], keys: KeyStore): Decoded[] {
      const decoder = new Decoder(keys);
      return all.flatMap(({ from, hex }) => {
        const [source, destination] = from === "initiator" ? [one, two] : [two, one];
        return decoder.decode(captured(udp(source, destination, 500, Buffer.from(hex, "hex"))));
      });
    }

    it("closes nothing once phase 1's messages open", () => {
      const { keys } = given("v1-main-psk");
      const decoded = read([...messages.slice(0, 6), forged, ...messages.slice(6)], keys);
      expect(decoded[6]?.remark ?? "").toContain("3DES");
      expect(decoded.flatMap(({ notes }) => notes).filter((note) => note !== "sent before")).toEqual(whole);
    });

    it("leaves closed what the given key of AES does not fit", () => {
      const keys = new KeyStore();
      const encr = findKeyword("aes128");
      if (encr?.type !== "ENCR") throw new Error("no such row");
      keys.addIkev1(choice.hex.slice(0, 16), { key: Buffer.alloc(16), encr });
      const [before, ...others] = read([sealed, ...messages.slice(0, 1), forged, ...messages.slice(2, 5)], keys);
      expect(before?.summary).toContain("encrypted (not opened)");
      expect(others.at(-1)?.summary).toContain("encrypted (not opened)");
    });
  });

  it("IKEv1: so many pre-shared keys are tried and no more", () => {
    expect(notesWith([...wrong(63), "AAAA"])).toEqual(whole);
    expect(notesWith([...wrong(64), "AAAA"])).not.toContain("HASH(1) is right");
  });

  it("IKEv2: AUTH of both ends is right for the key, the Child SA's keys follow", () => {
    const { decoded, keys } = read("v2-psk");
    expect(decoded.map(({ tone }) => tone)).not.toContain("closed");
    const notes = decoded.flatMap((each) => each.notes);
    expect(notes.filter((note) => note === "AUTH is right for the pre-shared key")).toHaveLength(2);
    expect(notes).toContain("the Child SA's keys were derived");
    expect(keys.esp(0x2a85e115, two, one)).toHaveLength(1);
    expect(keys.esp(0xc2c80c11, one, two)).toHaveLength(1);
  });

  it("IKEv2: an IKE SA that was rekeyed opens too, with a private value of that exchange", () => {
    const { messages, keys } = given("v2-psk");
    const [request, response] = messages.map(({ hex }) => decodeMessage(Buffer.from(hex, "hex")));
    if (request === undefined || response === undefined) throw new Error("two messages");
    const old = deriveIke(request, response, keys.privateValues);
    const group = findKeyword("modp2048");
    if (old === undefined || group?.type !== "KE") throw new Error("the recorded keys");
    const [ours, theirs] = [importKePair(group, Buffer.alloc(32, 5)), importKePair(group, Buffer.alloc(32, 6))];
    const spis = [Buffer.alloc(8, 0xa1), Buffer.alloc(8, 0xb2)] as const;
    const nonces = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)] as const;
    const said = (spi: Buffer, nonce: Buffer, pair: KePair): Payload[] => {
      // aes128-sha256-modp2048, by IANA's numbers.
      const transforms = [
        { type: 1, id: 12, keyLength: 128 },
        { type: 3, id: 12 },
        { type: 2, id: 5 },
        { type: 4, id: 14 },
      ];
      const offer = { number: 1, protocolId: 1, spi, transforms };
      const ke = { kind: "KE", group: 14, data: pair.publicValue } as const;
      return [{ kind: "SA", proposals: [offer] }, { kind: "Nonce", data: nonce }, ke];
    };
    const cipher = ({ suite: { encr, integ }, keys: sk }: typeof old, end: "i" | "r") =>
      makeSkCipher(encr, integ, end === "i" ? sk.skEi : sk.skEr, end === "i" ? sk.skAi : sk.skAr);
    const { initiatorSpi, responderSpi } = response.header;
    const header = { initiatorSpi, responderSpi, exchangeType: 36, messageId: 2 };
    const iv = Buffer.alloc(16, 9);
    const rekey = [
      sealMessage({ ...header, flags: 0x08 }, said(spis[0], nonces[0], ours), cipher(old, "i"), iv),
      sealMessage({ ...header, flags: 0x20 }, said(spis[1], nonces[1], theirs), cipher(old, "r"), iv),
    ];
    // RFC 7296 2.18, with the PRF of the old IKE SA.
    const seed = rekeySkeyseed(old.suite.prf, old.keys.skD, ours.deriveShared(theirs.publicValue), ...nonces);
    const [encr, integ, prf] = ["aes128", "sha256", "prfsha256"].map(findKeyword);
    if (encr?.type !== "ENCR" || integ?.type !== "INTEG" || prf?.type !== "PRF") throw new Error("no such row");
    const suite = { encr, integ, prf };
    const next = { suite, keys: deriveIkeKeys(suite, seed, ...nonces, ...spis), skeyseed: seed };
    const [initiator, responder] = spis.map((spi) => spi.readBigUInt64BE());
    const later = { initiatorSpi: initiator ?? 0n, responderSpi: responder ?? 0n, exchangeType: 37, messageId: 0 };
    const last = sealMessage(
      { ...later, flags: 0x08 },
      [{ kind: "D", protocolId: 1, spiSize: 0, spis: [] }],
      cipher(next, "i"),
      iv,
    );
    keys.privateValues.push(Buffer.alloc(32, 6));
    const decoder = new Decoder(keys);
    const all = [...messages.map(({ hex }) => Buffer.from(hex, "hex")), ...rekey, last];
    const decoded = all.flatMap((octets, index) => decoder.decode(captured(udp(one, two, 500, octets), index + 1)));
    expect(decoded.slice(-3).map(({ summary }) => summary)).toEqual([
      "CREATE_CHILD_SA request 2: SK{SA, Nonce, KE}",
      "CREATE_CHILD_SA response 2: SK{SA, Nonce, KE}",
      "INFORMATIONAL request 0: SK{D}",
    ]);
    expect(decoded.at(-2)?.notes).toEqual(["the keys of the IKE SA that follows were derived"]);
    expect(decoded.at(-1)?.notes).toEqual([]);
  });

  it("IKEv2: another pre-shared key is told from the right one", () => {
    const notes = read("v2-psk", "BBBB").decoded.flatMap((each) => each.notes);
    expect(notes).toContain("AUTH is of another pre-shared key");
  });
});

describe("where messages are found", () => {
  const message = Buffer.from(file.handshakes.find(({ id }) => id === "v2-psk")?.messages[0]?.hex ?? "", "hex");
  const frame = udp(one, two, 500, message);
  const summaries = (...packets: ReturnType<typeof captured>[]) => {
    const decoder = new Decoder(new KeyStore());
    return packets.flatMap((packet) => decoder.decode(packet)).map(({ summary }) => summary);
  };
  const wanted = summaries(captured(frame));

  it("is itself found", () => expect(wanted).toEqual([expect.stringMatching(/^IKE_SA_INIT request 0: SA, KE, Nonce/)]));

  it.each([
    ["Ethernet", 1, "000000000000000000000000" + "0800"],
    ["VLAN", 1, "000000000000000000000000" + "81000007" + "0800"],
    ["two VLAN tags", 1, "000000000000000000000000" + "88a80001" + "81000007" + "0800"],
    ["Linux cooked", 113, "0000000100060000000000000000" + "0800"],
    ["Linux cooked v2", 276, "0800000000000001000100060000000000000000"],
    ["loopback", 0, "02000000"],
    ["PPP", 9, "ff030021"],
  ])("%s", (_, link, header) => {
    expect(summaries(captured(Buffer.concat([Buffer.from(header, "hex"), frame]), 1, link))).toEqual(wanted);
  });

  it("on any port, and behind the marker on 4500", () => {
    expect(summaries(captured(udp(one, two, 12_345, message)))).toEqual(wanted);
    expect(summaries(captured(udp(one, two, 4500, Buffer.concat([Buffer.alloc(4), message]))))).toEqual(wanted);
  });

  it("in IP fragments in any order, and not when one is missing", () => {
    const payload = frame.subarray(20);
    const pieces = [0, 80, 160].map((at) => {
      const end = at === 160 ? payload.length : at + 80;
      const flags = (at / 8) | (end < payload.length ? 0x2000 : 0);
      return captured(ipv4(one, two, 17, payload.subarray(at, end), flags), 1);
    });
    expect(summaries(...[...pieces].reverse())).toEqual(wanted);
    expect(summaries(...pieces.slice(1))).toEqual([]);
  });

  const [six, seven] = ["2001:db8::1", "2001:db8::2"];
  const datagram = frame.subarray(20);
  /** Options that fill eight octets; the first says what follows. */
  const options = (next: number) => Buffer.from([next, 0, 1, 4, 0, 0, 0, 0]);
  const fragmentHeader = (next: number, offset: number, more: boolean) => {
    const header = Buffer.from([next, 0, 0, 0, 0, 0, 0, 99]);
    header.writeUInt16BE(offset | (more ? 1 : 0), 2);
    return header;
  };

  it("behind the extension headers of IPv6", () => {
    expect(summaries(captured(ipv6(six, seven, 17, [datagram])))).toEqual(wanted);
    expect(summaries(captured(ipv6(six, seven, 0, [options(60), options(17), datagram])))).toEqual(wanted);
    // A fragment header that says that nothing is missing (RFC 6946), and options behind it.
    const atomic = captured(ipv6(six, seven, 44, [fragmentHeader(60, 0, false), options(17), datagram]));
    expect(summaries(atomic)).toEqual(wanted);
  });

  it.each([
    ["", 17, []],
    [", options within them", 60, [options(17)]],
  ] as const)("in fragments of IPv6 in any order%s, and not when one is missing", (_, next, before) => {
    const payload = Buffer.concat([...before, datagram]);
    const pieces = [0, 80, 160].map((at) => {
      const end = at === 160 ? payload.length : at + 80;
      const header = fragmentHeader(next, at, end < payload.length);
      return captured(ipv6(six, seven, 0, [options(44), header, payload.subarray(at, end)]));
    });
    expect(summaries(...[...pieces].reverse())).toEqual(wanted);
    expect(summaries(...pieces.slice(1))).toEqual([]);
    const decoder = new Decoder(new KeyStore());
    for (const piece of pieces.slice(1)) decoder.decode(piece);
    expect(decoder.incomplete).toBe(1);
  });

  it("in a TCP stream, cut anywhere, out of order", () => {
    const framed = Buffer.concat([Buffer.alloc(4), message]);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(framed.length + 2);
    const stream = Buffer.concat([Buffer.from("IKETCP"), length, framed, length, framed]);
    const segment = (at: number, end: number) => {
      const header = Buffer.alloc(20);
      header.writeUInt16BE(33_333, 0);
      header.writeUInt16BE(4500, 2);
      header.writeUInt32BE(1000 + at, 4);
      header[12] = 0x50;
      return captured(ipv4(one, two, 6, Buffer.concat([header, stream.subarray(at, end)])), 1);
    };
    const cuts = [0, 7, 100, 150, stream.length];
    const segments = cuts.slice(1).map((end, index) => segment(cuts[index] ?? 0, end));
    expect(summaries(...segments)).toEqual([...wanted, ...wanted]);
    const [first, second, third, fourth] = segments;
    if (!first || !second || !third || !fourth) throw new Error("four segments");
    expect(summaries(first, third, second, first, fourth)).toEqual([...wanted, ...wanted]);
  });
});
