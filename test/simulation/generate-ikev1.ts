/** The same stories told by ends that speak IKEv1, and by pairs whose sections do not say the same of it. */
import type { Prefix } from "../../src/negotiate/address.ts";
import type { ProtectLine } from "../../src/overlay/expand.ts";
import { hostIn } from "./configuration.ts";
import { type GenerateOptions, generate } from "./generate.ts";
import { canMeet } from "./meeting.ts";
import { Rng } from "./rng.ts";
import type { Ikev1Plan, Peering, Scenario, SimulationEvent } from "./scenario.ts";

type Policies = Ikev1Plan["policies"];

/** By how often each occurs: mostly what operators have, and everything that may meet. */
const pairs: readonly [Policies, ...Policies[]] = [
  ["main", "main"],
  ["main", "main"],
  ["main", "main"],
  ["main", "main"],
  ["aggressive", "aggressive"],
  ["aggressive", "aggressive"],
  ["main", "accept"],
  ["main", "accept"],
  ["main", "aggressive"],
  ["aggressive", "accept"],
  ["main", "off"],
  ["aggressive", "off"],
  ["accept", "accept"],
  ["accept", "off"],
];

/** The shortest lifetime of an IPsec SA, in seconds. */
const shortest = 20;

/** The scenario of a seed: always the same. */
export function generateIkev1(seed: number, options: GenerateOptions = {}): Scenario {
  const scenario = generate(seed, options);
  const rng = new Rng(seed, 4);
  const more = new Rng(seed, 5);
  const inner = new Rng(seed, 6);
  const behindNat = ({ ends }: Peering) => ends.some((end) => scenario.ends[end]?.nat !== undefined);
  const peerings = scenario.peerings
    .map((peering) => withIkev1(rng, peering))
    .map((peering) => withSet(more, peering, behindNat(peering)))
    .map((peering) => withInner(inner, peering, behindNat(peering)));
  return {
    ...scenario,
    theme: `${scenario.theme}, IKEv1`,
    // IKEv1 knows no other addresses than those of the moment.
    ends: scenario.ends.map(({ spare: _, ...plan }) => plan),
    events: scenario.events.filter((event) => happens(event, peerings)),
    peerings,
  };
}

/** An operator may have the other end call, in a way that is taken: then they can meet. */
function happens(event: SimulationEvent, peerings: readonly Peering[]): boolean {
  if (event.kind === "move") return false;
  if (event.kind !== "up" && event.kind !== "down") return true;
  const peering = peerings[event.peering];
  return peering === undefined || canMeet(peering);
}

function withIkev1(rng: Rng, peering: Peering): Peering {
  const [one, other] = rng.pick(pairs);
  const esp = rng.pick(espPairs);
  const ike = rng.pick(ikePairs);
  // A replacement takes ten seconds until nothing of the old pair is left, since no DELETE is answered.
  const usual = peering.softSeconds === 0 ? 0 : Math.max(peering.softSeconds, shortest);
  const soft = (): number => (usual === 0 || rng.chance(60) ? usual : rng.between(shortest, 60));
  const { extras } = peering;
  return {
    ...peering,
    protect: peering.protect.map(narrow) as [ProtectLine, ...ProtectLine[]],
    esp,
    ike,
    ...(extras === undefined ? {} : { extras: { ...extras, compressed: [], reauthSeconds: [0, 0] } }),
    ikev1: { policies: rng.chance(50) ? [one, other] : [other, one], softSeconds: [soft(), soft()] },
  };
}

/** What an end takes that IKEv2 cannot agree on, or that it would get around, is for pairs that both call with IKEv1. */
function withSet(rng: Rng, peering: Peering, behindNat: boolean): Peering {
  const { ikev1 } = peering;
  if (ikev1 === undefined) return peering;
  const alone = callAlike(ikev1);
  const [hasSet, ah, compress, hasLogin, first] = [35, 60, 60, 35, 50].map((percent) => rng.chance(percent));
  const set = { ah: ah === true && alone && !behindNat, compress: compress === true };
  return {
    ...peering,
    ikev1: {
      ...ikev1,
      ...(hasSet === true ? { set } : {}),
      ...(hasLogin === true && alone ? { login: first === true ? 0 : 1 } : {}),
    },
  };
}

/**
 * One end is one host, whose address the other gives it. A NAT that forgets makes another caller of it, for whom there is no
 * address until the first is known to be gone.
 */
function withInner(rng: Rng, peering: Peering, behindNat: boolean): Peering {
  const { ikev1, protect } = peering;
  const [hasInner, first, pulls, isUser] = [40, 50, 50, 70].map((percent) => rng.chance(percent));
  const [tunnel, ...others] = protect;
  if (ikev1 === undefined || hasInner !== true || behindNat || !callAlike(ikev1)) return peering;
  if (tunnel.kind !== "tunnel" || others.some(({ kind }) => kind === "tunnel")) return peering;
  const any = first === true ? 0 : 1;
  const client = isUser === true ? (ikev1.login ?? any) : any;
  const one = client === 0 ? { local: host(tunnel.local) } : { remote: host(tunnel.remote) };
  return {
    ...peering,
    protect: [{ ...tunnel, ...one }, ...others],
    ikev1: { ...ikev1, inner: { client, by: pulls === true ? "pull" : "push" } },
  };
}

function host(prefix: Prefix): Prefix {
  return { address: hostIn(prefix), length: 32 };
}

function callAlike({ policies }: Ikev1Plan): boolean {
  return policies.every((policy) => policy === "main" || policy === "aggressive");
}

/** The same at both ends, or the same in another order: IKEv1 never comes to less than what is asked for. */
const espPairs: readonly [Peering["esp"], ...Peering["esp"][]] = [
  [["aes128-sha256"], ["aes128-sha256"]],
  [["aes128gcm16"], ["aes128gcm16"]],
  [["aes128gcm16-ecp256"], ["aes128gcm16-ecp256"]],
  [
    ["aes128gcm16", "aes256-sha384"],
    ["aes256-sha384", "aes128gcm16"],
  ],
];

const ikePairs: readonly [Peering["ike"], ...Peering["ike"][]] = [
  [["aes128-sha256-ecp256"], ["aes128-sha256-ecp256"]],
  [
    ["aes128-sha256-ecp256", "aes256-sha384-ecp256"],
    ["aes256-sha384-ecp256", "aes128-sha256-ecp256"],
  ],
];

/** An IPsec SA of IKEv1 has one subnet at each end. */
function narrow(line: ProtectLine): ProtectLine {
  if (line.kind !== "tunnel") return line;
  const { moreLocal: _local, moreRemote: _remote, ...one } = line;
  return one;
}
