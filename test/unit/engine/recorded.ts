/** An engine in the place of one end of a handshake that others recorded: it is fed what that end received, and is given that end's secrets. */

import { importKePair } from "../../../src/crypto/key-exchange.ts";
import { computeHere } from "../../../src/daemon/compute.ts";
import type { Decoded } from "../../../src/decode/decoded.ts";
import { Decoder } from "../../../src/decode/decoder.ts";
import type { Field } from "../../../src/decode/field.ts";
import { KeyStore } from "../../../src/decode/keys/key-store.ts";
import type { PayloadRewrite } from "../../../src/ikev2/host.ts";
import type { KernelAnswer, KernelRequest } from "../../../src/kernel/port.ts";
import { SimulatedKernel } from "../../../src/kernel/simulated/simulated-kernel.ts";
import { makeIdentity } from "../../../src/negotiate/identity.ts";
import type { ComputeJob, ComputeResult } from "../../../src/sa/compute.ts";
import type { KeyWitness } from "../../../src/sa/key-witness.ts";
import { hex, loadVectors } from "../crypto/vectors.ts";
import { captured, udp } from "../decode/frames.ts";
import { desired, type PeerOptions, peer } from "./desired.ts";
import { type End, World } from "./world.ts";

export type Role = "initiator" | "responder";

interface RecordedHandshake {
  readonly id: string;
  readonly preSharedKey?: string;
  readonly dhPrivateInitiator: string;
  readonly initiatorNonce: string;
  readonly quickModeInitiatorNonce: string;
  readonly initiatorEspSpi: string;
  readonly authIvInitiator: string;
  readonly asserted: { readonly responderEspSpi: string };
  readonly messages: readonly { readonly from: Role; readonly hex: string }[];
}

/** What both ends of a recorded handshake said and knew. */
export interface Recorded {
  readonly psk: string;
  readonly messages: readonly Spoken[];
  /** Of the initiator. */
  readonly privateValue: Buffer;
  readonly nonces: readonly Buffer[];
  readonly spis: Readonly<Record<Role, number>>;
  readonly authIv: Buffer;
}

export interface Spoken {
  readonly from: Role;
  readonly octets: Buffer;
}

/** The addresses of the ends, as their identities name them. */
export const addresses: Readonly<Record<Role, string>> = { initiator: "10.0.3.1", responder: "10.0.3.10" };

/** The handshake with that name in `vectors/sources/handshakes`. */
export function recorded(id: string): Recorded {
  const { handshakes } = loadVectors<{ handshakes: RecordedHandshake[] }>("handshakes/rub-ike-handshakes.json");
  const found = handshakes.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no handshake ${id}`);
  return {
    psk: found.preSharedKey ?? "",
    messages: found.messages.map(({ from, hex: digits }) => ({ from, octets: hex(digits) })),
    privateValue: hex(found.dhPrivateInitiator),
    nonces: [found.initiatorNonce, found.quickModeInitiatorNonce ?? ""].map(hex),
    spis: {
      initiator: Number.parseInt(found.initiatorEspSpi, 16),
      responder: Number.parseInt(found.asserted.responderEspSpi, 16),
    },
    authIv: hex(found.authIvInitiator ?? ""),
  };
}

export interface StageOptions {
  readonly recorded: Recorded;
  readonly role: Role;
  readonly peer: PeerOptions;
  /** What the engine's randomness gives, by the number of octets that it asks for, in order; zeros once it is used up. */
  readonly random: Readonly<Record<number, readonly Uint8Array[]>>;
  /** The responder's KE value: its private value is known to nobody, the shared secret is the same. */
  readonly responderPublic: Uint8Array;
  readonly rewrite?: PayloadRewrite;
  /** Where they are other than the addresses. */
  readonly identities?: Readonly<Record<Role, string>>;
  /** What cannot be computed without a secret that nobody recorded. */
  readonly known?: (job: ComputeJob) => ComputeResult | undefined;
}

/** Keys in hex, by what they are for. */
export type Keys = Readonly<Record<string, string>>;

/** Remembers the keys of the SAs that are installed in it, which are wiped afterwards. */
class RememberingKernel extends SimulatedKernel {
  readonly keys: Record<string, Keys> = {};

  override request(request: KernelRequest): KernelAnswer {
    if (request.kind === "installSa") {
      const { spi, encr, integ } = request.sa;
      this.keys[spi.toString(16)] = { encr: digits(encr?.key), integ: digits(integ?.key) };
    }
    return super.request(request);
  }
}

/** The engine, and all that was said on either side. */
export class Stage {
  readonly end: End;
  readonly role: Role;
  readonly said: Spoken[] = [];
  /** SK_ei and so on of each IKEv2 SA, the encryption key of each ISAKMP SA. */
  readonly ikeKeys: Keys[] = [];
  /** Of the ESP SAs in its kernel, by SPI. */
  readonly espKeys: Readonly<Record<string, Keys>>;
  readonly #options: StageOptions;
  readonly #world = new World();
  #heard = 0;

  constructor(options: StageOptions) {
    this.#options = options;
    this.role = options.role;
    const local = addresses[options.role];
    const remote = addresses[other(options.role)];
    const kernel = new RememberingKernel({ addresses: [local], firstSpi: options.recorded.spis[options.role] });
    this.espKeys = kernel.keys;
    const left = new Map(Object.entries(options.random).map(([length, list]) => [Number(length), [...list]]));
    this.end = this.#world.add(local, {
      kernel,
      random: () => (length) => left.get(length)?.shift() ?? new Uint8Array(length),
      compute: (job) => this.#compute(job),
      keyWitness: (keys) => this.ikeKeys.push(keysIn(keys)),
      ...(options.rewrite && { rewrite: options.rewrite }),
    });
    const section = peer(local, remote, { ...options.peer, psk: options.recorded.psk });
    const { identities = addresses } = options;
    const [localId, remoteId] = [options.role, other(options.role)].map((role) =>
      makeIdentity("ipv4", identities[role]),
    );
    if (localId === undefined) throw new Error("nobody");
    this.end.configure(desired([{ ...section, localId, remoteId, initiate: options.role === "initiator" }]));
    this.#listen();
  }

  /** Says that to the engine; gives what the engine says to it. */
  say(octets: Buffer): Buffer[] {
    const from = other(this.role);
    this.said.push({ from, octets });
    const at = (role: Role) => ({ address: addresses[role], port: 500 });
    this.end.handle({ kind: "datagram", octets, path: { local: at(this.role), remote: at(from) } });
    this.#world.run(10);
    return this.#listen();
  }

  #listen(): Buffer[] {
    const heard = this.end.sent.slice(this.#heard).map(({ octets }) => Buffer.from(octets));
    this.#heard = this.end.sent.length;
    this.said.push(...heard.map((octets) => ({ from: this.role, octets })));
    return heard;
  }

  #compute(job: ComputeJob): ComputeResult {
    const { recorded: of, responderPublic, known } = this.#options;
    const recorded = known?.(job);
    if (recorded !== undefined) return recorded;
    if (job.kind === "generate") return { kind: "generated", pair: importKePair(job.method, of.privateValue) };
    if (job.kind !== "respond") return computeHere(job);
    const pair = importKePair(job.method, of.privateValue);
    if (!pair.publicValue.equals(job.peerPublic)) throw new Error("another KE value than the recorded one");
    return {
      kind: "shared",
      publicValue: Uint8Array.from(responderPublic),
      secret: pair.deriveShared(responderPublic),
    };
  }
}

/** The whole conversation, as `decode` reads it with the pre-shared key and the initiator's private value. */
export function read({ psk, privateValue }: Recorded, said: readonly Spoken[]): { decoded: Decoded[]; keys: KeyStore } {
  const keys = new KeyStore();
  keys.preSharedKeys.push(Buffer.from(psk));
  keys.privateValues.push(privateValue);
  const decoder = new Decoder(keys);
  const decoded = said.flatMap(({ from, octets }, index) =>
    decoder.decode(captured(udp(addresses[from], addresses[other(from)], 500, octets), index + 1)),
  );
  return { decoded, keys };
}

/** The fields in which two messages differ: `-` of the recorded one, `+` of ours, in their order. */
export function differences(theirs: Decoded | undefined, ours: Decoded | undefined): string[] {
  const [before, after] = [lines(theirs?.fields ?? []), lines(ours?.fields ?? [])];
  // The longest list of lines that both have, in the same order.
  const common = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1)
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const row = common[i];
      if (row !== undefined)
        row[j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  const found: string[] = [];
  for (let i = 0, j = 0; i < before.length || j < after.length; ) {
    if (i < before.length && j < after.length && before[i] === after[j]) [i, j] = [i + 1, j + 1];
    else if (i < before.length && (j === after.length || at(i + 1, j) >= at(i, j + 1))) found.push(`- ${before[i++]}`);
    else found.push(`+ ${after[j++]}`);
  }
  return found;
}

function lines(fields: readonly Field[], within = ""): string[] {
  return fields.flatMap(({ name, value, fields: parts }) => [
    `${within}${name}${value === undefined ? "" : `: ${value}`}`,
    ...lines(parts ?? [], `${within}${name} > `),
  ]);
}

function other(role: Role): Role {
  return role === "initiator" ? "responder" : "initiator";
}

function keysIn(keys: Parameters<KeyWitness>[0]): Keys {
  if (keys.version === 1) return { key: digits(keys.key) };
  const { skEi, skEr, skAi, skAr } = keys;
  return { skEi: digits(skEi), skEr: digits(skEr), skAi: digits(skAi), skAr: digits(skAr) };
}

function digits(octets: Uint8Array | undefined): string {
  return Buffer.from(octets ?? []).toString("hex");
}
