/** Phase 1 of IKEv1 authenticated with signatures: RSA and ECDSA, main and aggressive mode (RFC 2409 5.1, RFC 4754). */
import { describe, expect, it } from "vitest";
import type { SignatureScheme } from "../../../src/crypto/signature/scheme.ts";
import { computeHere } from "../../../src/daemon/compute.ts";
import type { ComputeJob } from "../../../src/sa/compute.ts";
import { payloadType } from "../../../src/wire/ikev1/registry/message.ts";
import { certificate, host, type KeyKind, middle, root, signing, trusting } from "./certificates.ts";
import { type PeerOptions, peer, pskRound } from "./desired.ts";
import { a, b, ends, expectRest, facing, gre, type Pair, type PairOptions, reasons, standing } from "./pair.ts";
import { carry, type Network } from "./world.ts";

const [idA, idB] = [`gw-${a}`, `gw-${b}`];
const main: PeerOptions = { ikev1: "main", ike: ["aes128-sha256-ecp256"], esp: ["aes128-sha256"] };
const modes = [
  ["main mode", main],
  ["aggressive mode", { ...main, ikev1: "aggressive" }],
] as const;

/** `one` calls `two`, each with its own options. */
function pairOf(one: PeerOptions, two: PeerOptions, options: PairOptions = {}, wait = 15_000): Pair {
  const pair = ends(options);
  pair.one.configure(facing(a, { ...main, ...one }));
  pair.two.configure(facing(b, { ...main, initiate: false, ...two }));
  pair.world.guarded.push(...gre(pair));
  pair.world.run(wait);
  return pair;
}

/** Both ends with certificates of the same root. */
function certified(kind: KeyKind, mode: PeerOptions, options: PairOptions = {}, wait?: number): Pair {
  const auth = (id: string) => ({ local: [signing([host(id, kind)])], remote: [trusting()] });
  return pairOf({ ...mode, auth: auth(idA) }, { ...mode, auth: auth(idB) }, options, wait);
}

/** What an end had computed. */
function watched(): { readonly jobs: ComputeJob[]; readonly end: NonNullable<PairOptions["one"]> } {
  const jobs: ComputeJob[] = [];
  const compute = (job: ComputeJob) => {
    jobs.push(job);
    return computeHere(job);
  };
  return { jobs, end: { compute } };
}

describe.each(modes)("%s with a certificate at both ends", (_, mode) => {
  it.each([
    ["rsa", { kind: "rsa-pkcs1-bare" }],
    ["p256", { kind: "ecdsa-bare" }],
    ["p384", { kind: "ecdsa-bare" }],
    ["p521", { kind: "ecdsa-bare" }],
  ] as const)("%s", (kind, scheme) => {
    const { jobs, end } = watched();
    const pair = certified(kind, mode, { one: end });
    expectRest(pair);
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
    expect(jobs.flatMap((job) => (job.kind === "sign" ? [job.scheme] : []))).toEqual([scheme]);
    expect([pair.one.peer(), pair.two.peer()].map(({ ikeSas }) => ikeSas[0]?.remoteId)).toEqual([idB, idA]);
  });

  it("an answer that comes late, and messages that come twice", () => {
    const slow = { computeDelay: 700 };
    expectRest(certified("p256", mode, { one: slow, two: slow, network: () => [10, 35] }));
  });

  it("whichever of its first eight datagrams is lost", () => {
    for (let n = 0; n < 8; n += 1) {
      const network: Network = (_datagram, index) => (index === n ? [] : [10]);
      const slow = { computeDelay: 25 };
      const pair = certified("p256", mode, { network, one: slow, two: slow }, 40_000);
      expectRest(pair);
    }
  });

  it("a chain of three levels, in fragments", () => {
    const auth = (id: string) => ({
      local: [signing([host(id, "rsa", { issuer: "middle" })], { others: [middle(), root()] })],
      remote: [trusting()],
    });
    const pair = pairOf({ ...mode, auth: auth(idA) }, { ...mode, auth: auth(idB) });
    expectRest(pair);
    expect(pair.one.sent.filter(({ octets }) => octets[16] === payloadType.FRAGMENT).length).toBeGreaterThan(1);
  });

  it("of two certificates the one is sent whose authority the peer names", () => {
    const other = root("other-root");
    const both = [host(idA, "p256", { issuer: "other-root" }), host(idA, "p256")];
    const { jobs, end } = watched();
    const pair = pairOf(
      { ...mode, auth: { local: [signing(both, { others: [other, root()] })], remote: [trusting()] } },
      { ...mode, auth: { local: [signing([host(idB)])], remote: [trusting()] } },
      { one: end },
    );
    expectRest(pair);
    const signers = jobs.flatMap((job) => (job.kind === "sign" ? [job.key.publicKey.fingerprint] : []));
    const own = host(idA, "p256").publicKey;
    expect(signers).toEqual(["reason" in own ? "" : own.fingerprint]);
  });

  it.each([
    ["an authority that nobody trusts", () => host(idA, "p256", { issuer: "other-root" }), "certificate-refused"],
    ["another identity in the certificate", () => host("somebody-else", "p256"), "identity-not-in-certificate"],
    ["a certificate that has expired", () => expired(), "certificate-refused"],
  ])("is refused with %s, and leaves nothing", (_what, own, code) => {
    const pair = pairOf(
      { ...mode, auth: { local: [signing([own()])], remote: [trusting()] } },
      { ...mode, auth: { local: [signing([host(idB)])], remote: [trusting()] } },
      {},
      45_000,
    );
    expect(reasons(pair.two)).toContain(code);
    expect([standing(pair.one), standing(pair.two)]).toEqual([[], []]);
    expect(pair.two.peer().children[0]?.state).not.toBe("up");
  });
});

function expired() {
  return host(idA, "p256", { name: "expired-v1", days: -1 });
}

describe("which method is chosen", () => {
  it("a key for each: the responder takes the first that it can do too", () => {
    const both = (id: string) => ({
      local: [signing([host(id, "p384"), host(id, "rsa")])],
      remote: [trusting()],
    });
    const { jobs, end } = watched();
    const pair = pairOf(
      { auth: both(idA) },
      { auth: { local: [signing([host(idB, "rsa")])], remote: [trusting()] } },
      { one: end },
    );
    expectRest(pair);
    expect(jobs.flatMap((job) => (job.kind === "sign" ? [job.scheme.kind] : []))).toEqual(["rsa-pkcs1-bare"]);
  });

  it("one end with a secret, the other with a certificate: no common proposal, which names both methods", () => {
    const pair = pairOf({ auth: { local: [signing([host(idA)])], remote: [trusting()] } }, {}, {}, 5_000);
    expect(reasons(pair.two)).toContain("no-common-proposal");
    const reason = pair.two.log.find(({ reason }) => reason?.code === "no-common-proposal")?.reason;
    expect(JSON.stringify(reason)).toContain("ECDSA_256");
  });

  it("two peers at one address, one with a secret and one with a certificate, are told apart by the method", () => {
    const pair = ends();
    const secret = pskRound();
    const signed = { local: [signing([host(idB)])], remote: [trusting()] };
    const certifiedPeer = { ...peer(b, a, { ...main, initiate: false, auth: signed }), name: "peer" };
    const other = { auth: { local: [secret], remote: [secret] }, protect: [{ kind: "vxlan" }] } as const;
    const sharing = { ...peer(b, a, { ...main, initiate: false, ...other }), name: "sharing" };
    pair.two.configure({ local: { locks: [] }, peers: [sharing, certifiedPeer] });
    pair.one.configure(facing(a, { ...main, auth: { local: [signing([host(idA)])], remote: [trusting()] } }));
    pair.world.run(10_000);
    expect(pair.two.peer("peer").state).toBe("up");
    expect(pair.two.peer("sharing").state).not.toBe("up");
  });
});

describe.each(modes)("%s: HASH_I signed by ECDSA in another way than ours", (_, mode) => {
  const signs = (scheme: SignatureScheme) => ({
    compute: (job: ComputeJob) => computeHere(job.kind === "sign" ? { ...job, scheme } : job),
  });

  it.each(["one", "two"] as const)("end %s hashes it once more: taken, and as good", (who) => {
    const other = signs({ kind: "ecdsa", hash: "sha256", form: "concatenated" });
    expectRest(certified("p256", mode, { [who]: other }));
  });

  it.each<[string, SignatureScheme]>([
    ["with another hash than the method's", { kind: "ecdsa", hash: "sha512", form: "concatenated" }],
    ["as DER", { kind: "ecdsa", hash: "sha256", form: "der" }],
  ])("%s: refused", (_what, scheme) => {
    const pair = certified("p256", mode, { one: signs(scheme) }, 45_000);
    expect(reasons(pair.two)).toContain("wrong-signature");
    expect(standing(pair.two)).toEqual([]);
  });
});

it("certificates on the list need no authority", () => {
  const [own, theirs] = [
    certificate({ name: "v1-self-a", subject: "/CN=self-a" }),
    certificate({ name: "v1-self-b", subject: "/CN=self-b" }),
  ];
  expectRest(
    pairOf(
      { auth: { local: [signing([own])], remote: [trusting({ listed: [theirs] })] } },
      { auth: { local: [signing([theirs])], remote: [trusting({ listed: [own] })] } },
    ),
  );
});
