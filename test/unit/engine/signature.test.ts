/** Two ends that prove who they are by signatures: every kind of key, chains, raw keys, mixed with secrets (RFC 7296 2.15, RFC 7427). */
import { describe, expect, it } from "vitest";
import type { Certificate } from "../../../src/credentials/certificate.ts";
import type { PublicKey } from "../../../src/crypto/signature/public-key.ts";
import { computeHere } from "../../../src/daemon/compute.ts";
import type { PayloadRewrite } from "../../../src/ikev2/host.ts";
import { makeIdentity } from "../../../src/negotiate/identity.ts";
import type { ComputeJob } from "../../../src/sa/compute.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { certEncoding } from "../../../src/wire/ikev2/registry/identity.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { certificate, host, type KeyKind, middle, pkcs7, root, signing, signingRaw, trusting } from "./certificates.ts";
import { desired, type PeerOptions, peer, pskRound } from "./desired.ts";
import { a, b, ends, expectRest, facing, gre, type Pair, type PairOptions, reasons, standing } from "./pair.ts";

const [idA, idB] = [`gw-${a}`, `gw-${b}`];

/** `one` calls `two`, each with its own options. */
function pairOf(one: PeerOptions, two: PeerOptions, options: PairOptions = {}): Pair {
  const pair = ends(options);
  pair.one.configure(facing(a, one));
  pair.two.configure(facing(b, { initiate: false, ...two }));
  pair.world.guarded.push(...gre(pair));
  pair.world.run(15_000);
  return pair;
}

/** Both ends with certificates of the same root. */
function certified(kind: KeyKind, options: PairOptions = {}, change: Parameters<typeof signing>[1] = {}): Pair {
  const auth = (id: string) => ({ local: [signing([host(id, kind)], change)], remote: [trusting()] });
  return pairOf({ auth: auth(idA) }, { auth: auth(idB) }, options);
}

/** The schemes that an end signed with. */
function watched(): { readonly jobs: ComputeJob[]; readonly compute: PairOptions["one"] } {
  const jobs: ComputeJob[] = [];
  const compute = (job: ComputeJob) => {
    jobs.push(job);
    return computeHere(job);
  };
  return { jobs, compute: { compute } };
}

const schemesOf = (jobs: readonly ComputeJob[]) => jobs.flatMap((job) => (job.kind === "sign" ? [job.scheme] : []));

/** Leaves a notify out of whatever an end says, in clear too. */
const without = (type: number): NonNullable<PairOptions["one"]> => ({
  rewrite: (_exchange, _isResponse, payloads) => payloads.filter((one) => one.kind !== "N" || one.type !== type),
});

function publicKeyOf({ publicKey }: Certificate): PublicKey {
  if ("reason" in publicKey) throw publicKey;
  return publicKey;
}

describe("of several sections for one identity", () => {
  const choose = (names: readonly string[]) => {
    const pair = ends({});
    const [theirs, ours] = [root(), root("other-root")];
    const trusted = {
      other: { authorities: [ours] },
      same: { authorities: [theirs] },
      listed: { listed: [host(idA)] },
    };
    const local = [signing([host(idB)])];
    const sections = names.map((name) =>
      peer(b, a, {
        ...{ name, remote: "any", remoteId: idA, initiate: false },
        auth: { local, remote: [trusting(trusted[name as keyof typeof trusted])] },
      }),
    );
    pair.one.configure(facing(a, { auth: { local: [signing([host(idA)])], remote: [trusting()] } }));
    pair.two.configure(desired(sections));
    pair.world.run(15_000);
    return pair.two.engine
      .status()
      .peers.filter(({ ikeSas }) => ikeSas.length > 0)
      .map(({ name }) => name);
  };

  it("the one whose authorities are those of the certificates that came is chosen", () => {
    expect(choose(["other", "same"])).toEqual(["same"]);
    expect(choose(["other", "listed"])).toEqual(["listed"]);
    expect(choose(["same", "other"])).toEqual(["same"]);
  });
});

describe("an answer of the authority's responder (RFC 4806)", () => {
  const called = (revocation: "strict" | "if-present", ocspAnswer: Uint8Array | undefined) => {
    const own: ComputeJob[] = [];
    const { jobs, compute } = watched();
    const one = (job: ComputeJob) => {
      own.push(job);
      const result = computeHere(job);
      return result.kind === "signed" ? { ...result, ocspAnswer } : result;
    };
    const local = (id: string) => [signing([host(id)])];
    const pair = pairOf(
      { auth: { local: local(idA), remote: [trusting()] } },
      { auth: { local: local(idB), remote: [trusting(undefined, { revocation })] } },
      { one: { compute: one }, two: compute ?? {} },
    );
    expectRest(pair);
    const asked = own.flatMap((job) => (job.kind === "sign" ? [job.answerAbout] : []));
    return { asked, shown: jobs.flatMap((job) => (job.kind === "examine" ? [job.proof.ocspAnswers] : [])) };
  };

  it("is sent with our certificate where the peer asks for it", () => {
    const { asked, shown } = called("strict", Uint8Array.of(1, 2));
    expect(asked).toMatchObject([{ certificate: host(idA), issuer: root() }]);
    expect(shown).toEqual([[Uint8Array.of(1, 2)]]);
  });

  it("is not where there is none, or nobody asks", () => {
    expect(called("strict", undefined).shown).toEqual([[]]);
    expect(called("if-present", undefined).asked).toEqual([undefined]);
  });
});

it("CERTREQ counts where it has its place, in the response of IKE_SA_INIT and the request of IKE_AUTH (RFC 7296 3.7)", () => {
  const asking = (place: number): PayloadRewrite => {
    const request: Payload = { kind: "CERTREQ", encoding: certEncoding.OCSP_CONTENT, data: new Uint8Array(0) };
    return (exchange, isResponse, payloads) => (exchange === place && !isResponse ? [...payloads, request] : payloads);
  };
  const asked = (place: number) => {
    const { jobs, compute } = watched();
    expectRest(certified("p256", { one: { rewrite: asking(place) }, two: compute ?? {} }));
    return jobs.flatMap((job) => (job.kind === "sign" ? [job.answerAbout?.certificate] : []));
  };
  expect(asked(exchangeType.IKE_SA_INIT)).toEqual([undefined]);
  expect(asked(exchangeType.IKE_AUTH)).toEqual([host(idB, "p256")]);
});

describe("a certificate at both ends", () => {
  it.each([
    ["rsa", { kind: "rsa-pss", hash: "sha256", saltLength: 32 }],
    ["p256", { kind: "ecdsa", hash: "sha256", form: "der" }],
    ["p384", { kind: "ecdsa", hash: "sha384", form: "der" }],
    ["p521", { kind: "ecdsa", hash: "sha512", form: "der" }],
    ["brainpool", { kind: "ecdsa", hash: "sha256", form: "der" }],
    ["ed25519", { kind: "eddsa", curve: "ed25519" }],
    ["ed448", { kind: "eddsa", curve: "ed448" }],
  ] as const)("%s", (kind, scheme) => {
    const { jobs, compute } = watched();
    const pair = certified(kind, { one: compute ?? {} });
    expectRest(pair);
    expect(schemesOf(jobs)).toEqual([scheme]);
    expect(pair.two.peer().ikeSas[0]?.remoteId).toBe(idA);
  });

  it.each([
    [{ kind: "rsa-pkcs1", hash: "sha512" }],
    [{ kind: "rsa-pkcs1", hash: "sha256" }],
    [{ kind: "rsa-pss", hash: "sha384", saltLength: 48 }],
  ] as const)("with the scheme that the file asks for: %o", (scheme) => {
    const { jobs, compute } = watched();
    expectRest(certified("rsa", { one: compute ?? {} }, { schemes: [scheme] }));
    expect(schemesOf(jobs)).toEqual([scheme]);
  });

  it.each([
    ["rsa", { kind: "rsa-pkcs1", hash: "sha256" }],
    ["p256", { kind: "ecdsa", hash: "sha256", form: "concatenated" }],
    ["p384", { kind: "ecdsa", hash: "sha384", form: "concatenated" }],
    ["p521", { kind: "ecdsa", hash: "sha512", form: "concatenated" }],
  ] as const)("%s by the old methods, to a peer that knows nothing of RFC 7427", (kind, scheme) => {
    const { jobs, compute } = watched();
    const silent = without(notifyType.SIGNATURE_HASH_ALGORITHMS);
    expectRest(certified(kind, { one: { ...compute, ...silent }, two: silent }));
    expect(schemesOf(jobs)).toEqual([scheme]);
  });

  it("an answer that comes late, and messages that come twice", () => {
    const slow = { computeDelay: 700 };
    expectRest(certified("p256", { one: slow, two: slow, network: () => [10, 35] }));
  });

  it("a chain of three levels, and large messages in fragments", () => {
    const auth = (id: string) => ({
      local: [signing([host(id, "rsa", { issuer: "middle" })], { others: [middle(), root()] })],
      remote: [trusting()],
    });
    const pair = pairOf({ auth: auth(idA) }, { auth: auth(idB) });
    expectRest(pair);
    expect(pair.one.sent.filter(({ octets }) => octets[18] === 35 && octets[16] === 53).length).toBeGreaterThan(1);
  });
});

describe("certificates in other forms", () => {
  it.each([
    ["own first", [0, 1]],
    ["own last", [1, 0]],
  ] as const)("one PKCS #7 around them all, %s (RFC 7296 3.6)", (_, order) => {
    const own = host(idA, "p256", { issuer: "middle" });
    const data = pkcs7(order.map((index) => [own, middle()][index]).filter((one) => one !== undefined));
    const rewrite: PayloadRewrite = (_exchange, _isResponse, payloads) => {
      const rest = payloads.filter(({ kind }) => kind !== "CERT");
      return rest.length === payloads.length ? payloads : [{ kind: "CERT", encoding: 1, data }, ...rest];
    };
    expectRest(
      pairOf(
        { auth: { local: [signing([own], { others: [middle(), root()] })], remote: [trusting()] } },
        { auth: { local: [signing([host(idB)])], remote: [trusting()] } },
        { one: { rewrite } },
      ),
    );
  });

  it.each([
    ["strict", 1],
    ["off", 0],
  ] as const)(
    "answers of an OCSP responder are asked for where revocation is %s, and handed on (RFC 4806)",
    (revocation, asked) => {
      const answer = Uint8Array.of(0x30, 3, 0x0a, 1, 0);
      const answered: PayloadRewrite = (exchange, _isResponse, payloads) =>
        exchange === exchangeType.IKE_AUTH ? [...payloads, { kind: "CERT", encoding: 14, data: answer }] : payloads;
      const { jobs, compute } = watched();
      const said: Payload[] = [];
      const heard: PayloadRewrite = (_exchange, _isResponse, payloads) => {
        said.push(...payloads);
        return payloads;
      };
      const pair = pairOf(
        { auth: { local: [signing([host(idA)])], remote: [trusting(undefined, { revocation })] } },
        { auth: { local: [signing([host(idB)])], remote: [trusting()] } },
        { one: { ...compute, rewrite: heard }, two: { rewrite: answered } },
      );
      expectRest(pair);
      expect(said.filter((one) => one.kind === "CERTREQ" && one.encoding === 14)).toHaveLength(asked);
      expect(jobs.flatMap((job) => (job.kind === "examine" ? [job.proof.ocspAnswers] : []))).toEqual([[answer]]);
    },
  );

  it("a kind that nobody here reads is told", () => {
    const rewrite: PayloadRewrite = (_exchange, _isResponse, payloads) =>
      payloads.map((one) => (one.kind === "CERT" ? { ...one, encoding: 2 } : one));
    const auth = (id: string) => ({ auth: { local: [signing([host(id)])], remote: [trusting()] } });
    const pair = pairOf(auth(idA), auth(idB), { one: { rewrite } });
    expect(pair.two.peer().reason).toMatchObject({
      code: "certificate-unreadable",
      fault: "it is encoded as PGP_CERTIFICATE",
    });
  });
});

describe("which certificate is sent", () => {
  it("is the one that the authorities vouch for that the peer names", () => {
    const other = root("other-root");
    const both = [host(idA, "p256", { issuer: "other-root" }), host(idA, "p256")];
    const { jobs, compute } = watched();
    const pair = pairOf(
      { auth: { local: [signing(both, { others: [other, root()] })], remote: [trusting()] } },
      { auth: { local: [signing([host(idB)])], remote: [trusting()] } },
      { one: compute ?? {} },
    );
    expectRest(pair);
    expect(jobs.flatMap((job) => (job.kind === "sign" ? [job.key.publicKey.fingerprint] : []))).toEqual([
      publicKeyOf(host(idA, "p256")).fingerprint,
    ]);
  });
});

describe("without an authority", () => {
  it("certificates on the list, which the peer sends or does not", () => {
    const [own, theirs] = [
      certificate({ name: "self-a", subject: "/CN=self-a" }),
      certificate({ name: "self-b", subject: "/CN=self-b" }),
    ];
    expectRest(
      pairOf(
        { auth: { local: [signing([own])], remote: [trusting({ listed: [theirs] })] } },
        { auth: { local: [signing([theirs])], remote: [trusting({ listed: [own] })] } },
        { one: { rewrite: (_exchange, _isResponse, payloads) => payloads.filter(({ kind }) => kind !== "CERT") } },
      ),
    );
  });

  it.each(["rsa", "p256", "ed25519"] as const)("raw keys, %s (RFC 7670)", (kind) => {
    const [own, theirs] = [host(idA, kind), host(idB, kind)];
    expectRest(
      pairOf(
        { auth: { local: [signingRaw(own)], remote: [trusting({ keys: [publicKeyOf(theirs)] })] } },
        { auth: { local: [signingRaw(theirs)], remote: [trusting({ pins: [publicKeyOf(own).fingerprint] })] } },
      ),
    );
  });
});

describe("different methods", () => {
  it("a secret at one end, a certificate at the other", () => {
    expectRest(
      pairOf(
        { auth: { local: [pskRound()], remote: [trusting()] } },
        { auth: { local: [signing([host(idB)])], remote: [pskRound()] } },
      ),
    );
  });

  it("a secret, then a certificate (RFC 4739)", () => {
    const user = makeIdentity("email", "user@example");
    const users = certificate({
      ...{ name: "user", issuer: "root", subject: "/CN=user" },
      extensions: ["subjectAltName=email:user@example"],
    });
    expectRest(
      pairOf(
        { auth: { local: [pskRound(), { ...signing([users]), id: user }], remote: [pskRound()] } },
        { auth: { local: [pskRound()], remote: [pskRound(), { ...trusting(), id: user }] } },
      ),
    );
  });
});

describe("a proof that does not hold", () => {
  /** `one` calls with what is wrong; what `two` says of it. */
  function refused(local: ReturnType<typeof signing>, remote = trusting(), one: PairOptions["one"] = {}) {
    const pair = pairOf(
      { auth: { local: [local], remote: [trusting()] } },
      { auth: { local: [signing([host(idB)])], remote: [remote] } },
      { one },
    );
    expect([...standing(pair.one), ...standing(pair.two)]).toEqual([]);
    expect(reasons(pair.one)).toContain("peer-refused-authentication");
    // No credential is sent to whoever has not proved itself.
    expect(pair.two.log.map(({ event }) => event)).not.toContain("ike-sa-up");
    return pair.two.peer().reason;
  }

  const signs = (name: string, extensions: readonly string[] = [`subjectAltName=DNS:${idA}`], days = 30) =>
    signing([certificate({ name, issuer: "root", subject: `/O=Example/CN=${name}`, extensions, days })]);

  it("an authority that nobody knows", () => {
    const other = root("other-root");
    const reason = refused(signing([host(idA, "p256", { issuer: "other-root" })], { others: [other] }));
    expect(reason).toMatchObject({
      code: "certificate-refused",
      identity: idA,
      tried: [`O=Example, CN=${idA}`],
      finding: {
        check: "unknown-authority",
        depth: 0,
        wanted: "O=Example, CN=root",
        seen: "issued by O=Example, CN=other-root",
      },
    });
  });

  it("an identity that is not in the certificate", () => {
    root();
    expect(refused(signs("elsewhere", ["subjectAltName=DNS:else.example,email:me@example"]))).toMatchObject({
      code: "identity-not-in-certificate",
      identity: idA,
      names: ["DNS:else.example", "email:me@example", "DN:O=Example, CN=elsewhere"],
      inCommonName: false,
    });
  });

  it("another name than a listed certificate's, where the section does not say whose it is", () => {
    const listed = host("elsewhere");
    const anybody = (bound: boolean) =>
      pairOf(
        { auth: { local: [signing([listed])], remote: [trusting()] } },
        {
          remoteId: undefined,
          auth: { local: [signing([host(idB)])], remote: [trusting({ listed: [listed] }, { bound })] },
        },
      );
    expect(anybody(false).two.peer().reason).toMatchObject({ code: "identity-not-in-certificate", identity: idA });
    expectRest(anybody(true));
  });

  it("an identity in the common name alone, unless that is allowed", () => {
    root();
    const local = signs(idA, []);
    expect(refused(local)).toMatchObject({ code: "identity-not-in-certificate", inCommonName: true });
    const two = { auth: { local: [signing([host(idB)])], remote: [trusting(undefined, { commonName: true })] } };
    expectRest(pairOf({ auth: { local: [local], remote: [trusting()] } }, two));
  });

  it("a certificate that has expired", () => {
    root();
    expect(refused(signs("expired", [`subjectAltName=DNS:${idA}`], -1))).toMatchObject({
      code: "certificate-refused",
      finding: { check: "expired", depth: 0, certificate: "O=Example, CN=expired" },
    });
  });

  it("a host that issues a certificate", () => {
    const own = host(idA);
    const forged = certificate({
      ...{ name: "forged", issuer: `${idA}-p256-root`, subject: "/CN=forged" },
      extensions: [`subjectAltName=DNS:${idA}`],
    });
    expect(refused(signing([forged], { others: [own, root()] }))).toMatchObject({
      finding: { check: "not-an-authority", depth: 1, certificate: `O=Example, CN=${idA}` },
    });
  });

  it("another key than the certificate's", () => {
    const compute = (job: ComputeJob) =>
      computeHere(job.kind === "sign" ? { ...job, octets: Buffer.concat([job.octets, Buffer.of(0)]) } : job);
    expect(refused(signing([host(idA)]), trusting(), { compute })).toMatchObject({
      code: "wrong-signature",
      identity: idA,
      schemes: ["ECDSA with SHA2-256"],
    });
  });

  it("SHA-1, unless that is allowed", () => {
    const sha1 = { kind: "rsa-pkcs1", hash: "sha1" } as const;
    const local = signing([host(idA, "rsa")], { schemes: [sha1], sha1: true });
    const pair = pairOf(
      { auth: { local: [local], remote: [trusting()] } },
      { auth: { local: [signing([host(idB)])], remote: [trusting()] } },
    );
    // The peer says which hashes it takes: nothing is sent that it would refuse.
    expect(pair.one.peer().reason).toMatchObject({ code: "no-common-signature", ours: ["RSA of 2048 bits"] });
    expectRest(
      pairOf(
        { auth: { local: [local], remote: [trusting()] } },
        { auth: { local: [signing([host(idB)])], remote: [trusting(undefined, { sha1: true })] } },
      ),
    );
  });

  it("SHA-1 in the old method, which does not name it", () => {
    const local = signing([host(idA, "rsa")], { sha1: true });
    const refusing = trusting();
    const pair = pairOf(
      { auth: { local: [local], remote: [trusting()] } },
      { auth: { local: [signing([host(idB)])], remote: [refusing] } },
      { two: without(notifyType.SIGNATURE_HASH_ALGORITHMS) },
    );
    expect(pair.two.peer().reason).toMatchObject({
      code: "signature-not-allowed",
      seen: "RSA PKCS#1 v1.5 with SHA-1",
      wanted: ["SHA2-256", "SHA2-384", "SHA2-512"].map((one) => `RSA PKCS#1 v1.5 with ${one}`),
    });
  });

  it("a key that is on nobody's list", () => {
    const pair = pairOf(
      { auth: { local: [signingRaw(host(idA))], remote: [trusting()] } },
      { auth: { local: [signing([host(idB)])], remote: [trusting({ pins: ["00".repeat(32)] })] } },
    );
    expect(pair.two.peer().reason).toMatchObject({ code: "unknown-key", identity: idA, tried: [] });
  });

  it("a secret where a certificate is asked for", () => {
    const pair = pairOf(
      { auth: { local: [pskRound()], remote: [pskRound()] } },
      { auth: { local: [pskRound()], remote: [trusting()] } },
    );
    expect(reasons(pair.two)).toContain("wrong-auth-method");
  });

  it("what the peer may have disliked is told at the end that was refused", () => {
    const other = root("other-root");
    const auth = {
      local: [signing([host(idA, "p256", { issuer: "other-root" })], { others: [other] })],
      remote: [trusting()],
    };
    const { one } = pairOf({ auth }, { auth: { local: [signing([host(idB)])], remote: [trusting()] } });
    expect(one.peer().reason).toMatchObject({
      code: "peer-refused-authentication",
      proof: `the certificate O=Example, CN=${idA} (O=Example, CN=${idA}.key)`,
      doubts: ["it names 1 authorities (CERTREQ), and none of them stands above our certificate"],
    });
  });
});
