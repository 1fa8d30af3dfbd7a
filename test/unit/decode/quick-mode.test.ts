import { expect, it } from "vitest";
import { EspCipher } from "../../../src/crypto/esp-cipher.ts";
import { importKePair } from "../../../src/crypto/key-exchange.ts";
import { computeWith } from "../../../src/daemon/compute.ts";
import type { Decoded } from "../../../src/decode/decoded.ts";
import { Decoder } from "../../../src/decode/decoder.ts";
import { KeyStore } from "../../../src/decode/keys/key-store.ts";
import type { KernelAnswer, KernelRequest, SaInstall } from "../../../src/kernel/port.ts";
import { SimulatedKernel } from "../../../src/kernel/simulated/simulated-kernel.ts";
import { a, b, connected } from "../engine/pair.ts";
import type { EndOptions, Network } from "../engine/world.ts";
import { captured, ipv4, udp } from "./frames.ts";

/** Quick Mode with a key exchange of its own: the two ends are engines, and what they give their kernels is what has to come out. */

/** Keeps the SAs as they were given, before their keys are wiped. */
class Witness extends SimulatedKernel {
  readonly installed: SaInstall[] = [];

  override request(request: KernelRequest): KernelAnswer {
    if (request.kind === "installSa") this.installed.push(withCopiedKeys(request.sa));
    return super.request(request);
  }
}

function withCopiedKeys(sa: SaInstall): SaInstall {
  const { encr, integ } = sa;
  if (encr === undefined || integ === undefined) throw new Error("an SA of a cipher with an integrity algorithm");
  return {
    ...sa,
    encr: { ...encr, key: Buffer.from(encr.key) },
    integ: { ...integ, key: Buffer.from(integ.key) },
  };
}

/** An end of which the private values are known: `first` in phase 1, the one after it in Quick Mode. */
function end(address: string, firstSpi: number, first: number): EndOptions & { readonly kernel: Witness } {
  let next = first;
  const compute: EndOptions["compute"] = (job) =>
    computeWith((method) => importKePair(method, privateValue(next++)), job);
  return { kernel: new Witness({ addresses: [address], firstSpi }), compute };
}

function privateValue(fill: number): Buffer {
  return Buffer.alloc(32, fill);
}

const psk = "a secret of some length";
const options = { ikev1: "main", ike: ["aes128-sha256-modp2048"], esp: ["aes128-sha256-ecp256"], psk } as const;

/** The whole conversation of two engines, then a packet of each of the SAs, read with these private values. */
function read(privateValues: readonly Buffer[]): { decoded: Decoded[]; keys: KeyStore; installed: SaInstall[] } {
  const frames: Buffer[] = [];
  const network: Network = ({ octets, path }) => {
    frames.push(udp(path.local.address, path.remote.address, 500, octets));
    return [10];
  };
  const [one, two] = [end(a, 0xc1000000, 1), end(b, 0xc2000000, 0x11)];
  connected(options, { one, two, network }, 5_000);
  const installed = one.kernel.installed;
  for (const sa of installed) frames.push(ipv4(sa.source, sa.destination, 50, espPacket(sa)));
  const keys = new KeyStore();
  keys.preSharedKeys.push(Buffer.from(psk));
  keys.privateValues.push(...privateValues);
  const decoder = new Decoder(keys);
  const decoded = frames.flatMap((frame, index) => decoder.decode(captured(frame, index + 1)));
  return { decoded, keys, installed };
}

/** GRE without anything in it. */
function espPacket({ spi, encr, integ }: SaInstall): Buffer {
  if (encr === undefined || integ === undefined) throw new Error("no keys");
  const header = Buffer.alloc(8);
  header.writeUInt32BE(spi, 0);
  header.writeUInt32BE(1, 4);
  const padded = Buffer.from("00000800" + "0102030405060708090a" + "0a2f", "hex");
  const given = { encr: encr.transform, encrKey: encr.key, integ: integ.transform, integKey: integ.key };
  return new EspCipher(given).seal(header, Buffer.alloc(16, 9), padded);
}

it.each([
  ["the initiator's", [1, 2]],
  ["the responder's", [0x11, 0x12]],
  ["one of either end's, in any order", [0x12, 1]],
])("the SAs of a Quick Mode with a key exchange open with %s private values", (_, fills) => {
  const { decoded, keys, installed } = read(fills.map(privateValue));
  expect(decoded.flatMap(({ notes }) => notes)).toContain("the IPsec SA's keys were derived");
  expect(installed.map(({ direction }) => direction).sort()).toEqual(["in", "out"]);
  for (const { spi, source, destination, encr, integ } of installed) {
    const [derived, ...others] = keys.esp(spi, source, destination);
    expect(others).toEqual([]);
    expect(derived?.encrKey).toEqual(encr?.key);
    expect(derived?.integKey).toEqual(integ?.key);
  }
  expect(decoded.slice(-2).map(({ summary, packet }) => [packet?.integrity, summary])).toEqual([
    ["verified", expect.stringContaining("GRE")],
    ["verified", expect.stringContaining("GRE")],
  ]);
});

it("they stay closed where only phase 1's private value is given, and the Quick Mode opens", () => {
  const { decoded, keys, installed } = read([privateValue(1)]);
  const notes = decoded.flatMap((each) => each.notes);
  expect(notes).toEqual(expect.arrayContaining(["HASH(1) is right", "HASH(2) is right", "HASH(3) is right"]));
  expect(notes).not.toContain("the IPsec SA's keys were derived");
  expect(installed.flatMap(({ spi }) => keys.esp(spi, a, b))).toEqual([]);
  expect(decoded.slice(-2).map(({ tone }) => tone)).toEqual(["closed", "closed"]);
});
