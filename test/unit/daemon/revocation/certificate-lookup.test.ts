// Certificates that peers name by a URL: looked up within limits, since nobody has proved anything yet.
import { beforeEach, describe, expect, test } from "vitest";
import { sequence, tagged } from "../../../../src/asn1/encode.ts";
import type { CertificateReference, SignatureProof } from "../../../../src/credentials/examine.ts";
import { hash } from "../../../../src/crypto/hash.ts";
import { CertificateLookup } from "../../../../src/daemon/revocation/certificate-lookup.ts";
import type { Fetched, FetchRequest } from "../../../../src/daemon/revocation/fetch.ts";
import { makeIdentity } from "../../../../src/negotiate/identity.ts";

const asked: FetchRequest[] = [];
const waiting: (() => void)[] = [];
const pages = new Map<string, Fetched>();
let now = 0;
let holds = false;
let lookup: CertificateLookup;

beforeEach(() => {
  asked.length = 0;
  waiting.length = 0;
  pages.clear();
  holds = false;
  now = 0;
  lookup = new CertificateLookup({
    now: () => now,
    fetch: async (request) => {
      asked.push(request);
      if (holds) await new Promise<void>((resolve) => waiting.push(resolve));
      return pages.get(request.url) ?? { wrong: `${request.url} answers 404` };
    },
  });
});

const octetsOf = (name: string) => Buffer.from(`certificate ${name}`);

/** What a peer names; the page is there unless it is put elsewhere. */
function reference(name: string, change: Partial<CertificateReference> = {}): CertificateReference {
  const url = `http://c.example/${name}`;
  if (!pages.has(url)) pages.set(url, { octets: octetsOf(name) });
  return { url, hash: hash("sha1", octetsOf(name)), bundle: false, after: 0, ...change };
}

function proofWith(references: readonly CertificateReference[], identity = "gw.example"): SignatureProof {
  return {
    identity: makeIdentity("fqdn", identity),
    certificates: [],
    references,
    rawKey: undefined,
    schemes: [],
    octets: Buffer.of(),
    signature: Buffer.of(),
  };
}

const complete = async (...[references, identity]: Parameters<typeof proofWith>) => {
  const completed = await lookup.complete(proofWith(references, identity));
  return "wrong" in completed
    ? completed.wrong
    : completed.proof.certificates.map((one) => Buffer.from(one).toString());
};

describe("what is looked up", () => {
  test("stands where the peer named it, among what it sent", async () => {
    const sent = { ...proofWith([reference("b", { after: 1 }), reference("c", { after: 2 })]) };
    const completed = await lookup.complete({ ...sent, certificates: [octetsOf("a"), octetsOf("x")] });
    if ("wrong" in completed) return expect.unreachable();
    const names = completed.proof.certificates.map((one) => Buffer.from(one).toString());
    expect(names).toEqual(["certificate a", "certificate b", "certificate x", "certificate c"]);
    expect(completed.proof.references).toBeUndefined();
  });

  test("is asked for once", async () => {
    await complete([reference("a")]);
    expect(await complete([reference("a")])).toEqual(["certificate a"]);
    expect(asked).toEqual([{ url: "http://c.example/a", limit: 16_384 }]);
  });

  test("may be a bundle, which is longer", async () => {
    const bundle = sequence(tagged(0, "constructed", sequence()), tagged(0, "constructed", sequence()));
    pages.set("http://c.example/b", { octets: bundle });
    expect(await complete([reference("b", { bundle: true, hash: hash("sha1", bundle) })])).toHaveLength(2);
    expect(asked[0]?.limit).toBe(131_072);
  });

  test("must be what the peer says", async () => {
    pages.set("http://c.example/a", { octets: Buffer.from("another") });
    expect(await complete([reference("a")])).toBe("http://c.example/a holds something else than the peer says");
  });

  test("may be missing beside the peer's own, and is left alone for a minute", async () => {
    pages.set("http://c.example/b", { wrong: "timeout" });
    const both = () => complete([reference("a"), reference("b")]);
    expect(await both()).toEqual(["certificate a"]);
    expect(await complete([reference("b")])).toBe("http://c.example/b gave nothing a moment ago");
    expect(asked).toHaveLength(2);
    now = 60_000;
    expect(await complete([reference("b")])).toBe("timeout");
    expect(asked).toHaveLength(3);
  });
});

describe("who has proved nothing", () => {
  test("has two requests under way for one identity, and all together eight", async () => {
    holds = true;
    const own = complete(["a", "b", "c"].map((name) => reference(name)));
    expect(asked).toHaveLength(2);
    const others = [1, 2, 3, 4].map((n) => complete([reference(`d${n}`), reference(`e${n}`)], `x${n}.example`));
    expect(asked).toHaveLength(8);
    holds = false;
    for (const go of waiting) go();
    expect(await own).toEqual(["certificate a", "certificate b"]);
    expect((await Promise.all(others)).at(-1)).toMatch(/too many/);
    // And then there is room again.
    expect(await complete([reference("z")])).toEqual(["certificate z"]);
  });

  test("cannot keep others from a certificate by a wrong hash of it, nor by taking it for a bundle", async () => {
    expect(await complete([reference("a", { hash: hash("sha1", Buffer.from("guessed")) })])).toMatch(/something else/);
    expect(await complete([reference("a", { bundle: true })])).toMatch(/http:\/\/c.example\/a/);
    expect(await complete([reference("a")])).toEqual(["certificate a"]);
    // And cannot have it asked for time and again.
    expect(await complete([reference("a", { hash: hash("sha1", Buffer.from("another")) })])).toMatch(/a moment ago/);
    expect(asked).toHaveLength(2);
  });

  test("cannot fill the memory", async () => {
    const of = (n: number) => Buffer.alloc(16_000, `${n} `);
    for (let n = 0; n < 300; n += 1) {
      const octets = of(n);
      pages.set(`http://c.example/${n}`, { octets });
      await complete([reference(`${n}`, { hash: hash("sha1", octets) })]);
    }
    const before = asked.length;
    // The newest is still there, the oldest went.
    for (const n of [299, 0]) await complete([reference(`${n}`, { hash: hash("sha1", of(n)) })]);
    expect(asked.length - before).toBe(1);
  });
});
