/** One fault in a path at a time, with openssl's own verdict beside ours. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Certificate } from "../../../src/credentials/certificate.ts";
import { type PathQuestion, validatePath } from "../../../src/credentials/path/validate.ts";
import { TrustStore } from "../../../src/credentials/trust-store.ts";
import { authority, Openssl, p256, rsa2048 } from "./openssl.ts";

const openssl = new Openssl();
afterAll(() => openssl.remove());
let root: Certificate;
beforeAll(() => {
  root = openssl.issue({ name: "root", subject: "/CN=Root", extensions: authority });
});

interface Case {
  readonly what: string;
  readonly middle?: readonly string[];
  readonly middleKey?: readonly string[];
  readonly host?: readonly string[];
  readonly hostKey?: readonly string[];
  readonly subject?: string;
  readonly signing?: readonly string[];
  readonly question?: Partial<PathQuestion>;
  /** `check at depth: wanted | seen`; `valid` where it holds. */
  readonly ours: string;
  /** openssl verifies TLS, so that it may see nothing wrong in what RFC 4945 has. */
  readonly openssl?: "OK" | "refused";
}

const ca = "basicConstraints=critical,CA:TRUE";
const sign = "keyUsage=critical,keyCertSign";
const constrained = (constraint: string): readonly string[] => [ca, sign, `nameConstraints=critical,${constraint}`];
const named = (names: string): readonly string[] => [`subjectAltName=${names}`];

const cases: readonly Case[] = [
  { what: "nothing wrong", ours: "valid" },
  { what: "keys of other kinds", middleKey: rsa2048, hostKey: ["-algorithm", "ED25519"], ours: "valid" },
  {
    what: "RSA-PSS",
    middleKey: ["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
    hostKey: ["-algorithm", "ED448"],
    ours: "valid",
  },
  {
    what: "a signature with RSA-PSS by a key of RSA",
    middleKey: rsa2048,
    signing: ["-sha384", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1"],
    ours: "valid",
  },
  { what: "Brainpool", hostKey: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"], ours: "valid" },

  {
    what: "an authority without keyCertSign",
    middle: [ca, "keyUsage=critical,digitalSignature"],
    ours: "key-usage on CN=Middle at 1: keyCertSign | digitalSignature",
  },
  {
    what: "an authority that says it is none",
    middle: ["basicConstraints=critical,CA:FALSE"],
    ours: "not-an-authority on CN=Middle at 1: basicConstraints with cA true | cA is false",
  },
  {
    what: "a host for encryption alone",
    host: ["keyUsage=critical,keyEncipherment"],
    ours: "key-usage on CN=host at 0: digitalSignature or nonRepudiation | keyEncipherment",
    openssl: "OK",
  },
  { what: "a host with nonRepudiation alone", host: ["keyUsage=critical,nonRepudiation"], ours: "valid" },
  {
    what: "a host for TLS alone",
    host: ["extendedKeyUsage=serverAuth,clientAuth"],
    ours: "extended-key-usage on CN=host at 0: ipsecIKE or anyExtendedKeyUsage | serverAuth, clientAuth",
    openssl: "OK",
  },
  {
    what: "a host for TLS where that is allowed",
    host: ["extendedKeyUsage=serverAuth"],
    question: { anyPurpose: true },
    ours: "valid",
  },
  { what: "a host for TLS and IKE", host: ["extendedKeyUsage=serverAuth,1.3.6.1.5.5.7.3.17"], ours: "valid" },
  { what: "a host for any purpose", host: ["extendedKeyUsage=anyExtendedKeyUsage"], ours: "valid" },
  {
    what: "a critical extension that nobody knows",
    host: ["1.2.3.4.5=critical,ASN1:NULL"],
    ours: "critical-extension on CN=host at 0: only critical extensions that are known here | 1.2.3.4.5",
    openssl: "refused",
  },
  { what: "an extension that nobody knows", host: ["1.2.3.4.5=ASN1:NULL"], ours: "valid" },
  {
    what: "a signature with SHA-1",
    signing: ["-sha1"],
    ours: "signature-strength on CN=host at 0: a signature with SHA2-224 or better | SHA-1",
    openssl: "OK",
  },
  {
    what: "a signature with SHA-1 where that is allowed",
    signing: ["-sha1"],
    question: { allowSha1: true },
    ours: "valid",
  },
  {
    what: "a signature with MD5, even where SHA-1 is allowed",
    middleKey: rsa2048,
    signing: ["-md5"],
    question: { allowSha1: true },
    ours: "signature-strength on CN=host at 0: a signature with SHA-1 or better | RSA with MD5",
    openssl: "OK",
  },
  {
    what: "a short RSA key",
    hostKey: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
    ours: "key on CN=host at 0: … | an RSA key of 1024 bits; between 2048 and 8192 are used",
    openssl: "OK",
  },
  {
    what: "an RSA key with a small exponent",
    hostKey: [...rsa2048, "-pkeyopt", "rsa_keygen_pubexp:3"],
    ours: "key on CN=host at 0: … | an RSA key with the public exponent 3",
    openssl: "OK",
  },
  {
    what: "an elliptic curve that is written out",
    hostKey: [...p256, "-pkeyopt", "ec_param_enc:explicit"],
    ours: "key on CN=host at 0: … | an elliptic curve that is written out instead of named (RFC 5480 2.1.1)",
    openssl: "refused",
  },

  ...constraintCases(),
];

function constraintCases(): readonly Case[] {
  const permitted = (constraint: string, names: string, seen?: string): Case => ({
    what: `${names} under permitted;${constraint}`,
    middle: constrained(`permitted;${constraint}`),
    host: named(names),
    ours: seen === undefined ? "valid" : `name-constraints on CN=host at 0: … | ${seen}`,
  });
  const excluded = (constraint: string, names: string, seen?: string): Case => ({
    ...permitted(constraint, names, seen),
    what: `${names} under excluded;${constraint}`,
    middle: constrained(`excluded;${constraint}`),
  });
  return [
    permitted("DNS:example.org", "DNS:example.org"),
    permitted("DNS:example.org", "DNS:a.b.EXAMPLE.org"),
    permitted("DNS:example.org", "DNS:badexample.org", "DNS:badexample.org"),
    permitted("DNS:example.org", "DNS:example.org.evil.example", "DNS:example.org.evil.example"),
    permitted("DNS:example.org", "IP:192.0.2.1"),
    permitted("DNS:example.org", "DNS:a.example.org,DNS:evil.example", "DNS:evil.example"),
    excluded("DNS:example.org", "DNS:example.com"),
    excluded("DNS:example.org", "DNS:a.example.org", "DNS:a.example.org"),
    excluded("DNS:example.org", "DNS:A.Example.ORG", "DNS:A.Example.ORG"),
    { ...excluded("DNS:a.example.org", "DNS:*.example.org", "DNS:*.example.org"), openssl: "OK" },
    permitted("IP:192.0.2.0/255.255.255.0", "IP:192.0.2.77"),
    permitted("IP:192.0.2.0/255.255.255.0", "IP:192.0.3.1", "IP:192.0.3.1"),
    // A mask with a hole: the third octet is free. A prefix of as many bits would be wrong (CVE-2026-35331).
    permitted("IP:10.1.0.7/255.255.0.255", "IP:10.1.99.7"),
    permitted("IP:10.1.0.7/255.255.0.255", "IP:10.1.0.8", "IP:10.1.0.8"),
    // Addresses of another family are another matter in RFC 5280 4.2.1.10, and not permitted by what names IPv4 alone.
    permitted("IP:192.0.2.0/255.255.255.0", "IP:2001:db8::1", "IP:2001:db8::1"),
    excluded("IP:2001:db8::/ffff:ffff::", "IP:2001:db8::1", "IP:2001:db8::1"),
    permitted("email:example.org", "email:ops@example.org"),
    permitted("email:example.org", "email:ops@mail.example.org", "email:ops@mail.example.org"),
    permitted("email:.example.org", "email:ops@mail.example.org"),
    permitted("email:.example.org", "email:ops@example.org", "email:ops@example.org"),
    permitted("email:ops@example.org", "email:ops@EXAMPLE.org"),
    permitted("email:ops@example.org", "email:root@example.org", "email:root@example.org"),
    permitted("URI:.example.org", "URI:http://a.example.org/x"),
    permitted("URI:.example.org", "URI:http://evil.example/a.example.org", "URI:http://evil.example/a.example.org"),
    {
      what: "a mail address in the subject, under permitted;email",
      middle: constrained("permitted;email:example.org"),
      subject: "/CN=host/emailAddress=ops@evil.example",
      ours: "name-constraints on CN=host, E=ops@evil.example at 0: … | email:ops@evil.example",
    },
    {
      what: "a common name that is a host's, under permitted;DNS",
      middle: constrained("permitted;DNS:example.org"),
      subject: "/CN=evil.example",
      ours: "name-constraints on CN=evil.example at 0: … | DNS:evil.example",
    },
    {
      what: "a subject in another tree, under permitted;dirName",
      middle: [...constrained("permitted;dirName:d"), "[d]", "O=Example"],
      subject: "/O=Other/CN=host",
      ours: "name-constraints on O=Other, CN=host at 0: … | DN:O=Other, CN=host",
    },
    {
      what: "a subject in the tree in another case, under permitted;dirName",
      middle: [...constrained("permitted;dirName:d"), "[d]", "O=Example"],
      subject: "/O=EXAMPLE/CN=host",
      ours: "valid",
    },
  ];
}

describe("a path with", () => {
  test.each(cases)("$what", (each) => {
    const { middle: middleExtensions = [ca, sign], middleKey, hostKey, host: hostExtensions = [], signing = [] } = each;
    const { subject = "/CN=host", question = {}, ours } = each;
    const middle = openssl.issue({
      ...{ name: "middle", issuer: "root", subject: "/CN=Middle", extensions: middleExtensions },
      ...(middleKey === undefined ? {} : { key: middleKey }),
    });
    const host = openssl.issue({
      ...{ name: "host", issuer: "middle", subject, extensions: hostExtensions, signing },
      ...(hostKey === undefined ? {} : { key: hostKey }),
    });
    const trust = new TrustStore({ anchors: [root] });
    const result = validatePath({ leaf: host, intermediates: [middle], trust, at: Date.now(), ...question });
    expect(result.kind === "valid" ? "valid" : summary(result.refusal, ours)).toBe(ours);
    expect(verdict()).toBe(each.openssl ?? (ours === "valid" ? "OK" : "refused"));
  });
});

test("a certificate on the list keeps to what it says of itself: a critical extension that nobody knows is no less critical", () => {
  const issue = (name: string, extension: string) =>
    openssl.issue({ name, issuer: "root", subject: `/CN=${name}`, extensions: [extension] });
  const outcome = (leaf: Certificate) =>
    validatePath({ leaf, intermediates: [], trust: new TrustStore({ listed: [leaf] }), at: Date.now() });
  expect(outcome(issue("harmless", "1.2.3.4.5=ASN1:NULL"))).toMatchObject({ kind: "valid", trustedBy: "list" });
  expect(outcome(issue("harsh", "1.2.3.4.5=critical,ASN1:NULL"))).toMatchObject({
    refusal: { check: "critical-extension", depth: 0, seen: "1.2.3.4.5" },
  });
});

/** `…` in what is expected stands for whatever was wanted. */
function summary(
  {
    check,
    certificate,
    depth,
    wanted,
    seen,
  }: { check: string; certificate: string; depth: number; wanted: string; seen: string },
  expected: string,
): string {
  return `${check} on ${certificate} at ${depth}: ${expected.includes(": … |") ? "…" : wanted} | ${seen}`;
}

function verdict(): "OK" | "refused" {
  try {
    // Level 0: the strength of keys and hashes is ours to judge.
    openssl.run("verify", "-auth_level", "0", "-CAfile", "root.pem", "-untrusted", "middle.pem", "host.pem");
    return "OK";
  } catch {
    return "refused";
  }
}
