/** Lists and answers made by openssl, judged without a network. */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Certificate } from "../../../src/credentials/certificate.ts";
import type { Path } from "../../../src/credentials/path/candidates.ts";
import {
  judgeRevocation,
  type RevocationEvidence,
  revocationSources,
} from "../../../src/credentials/revocation/judge.ts";
import {
  isAnsweredFor,
  type OcspAnswer,
  ocspRequest,
  readOcspAnswer,
} from "../../../src/credentials/revocation/ocsp.ts";
import {
  RevocationList,
  readingRevocationList,
  readRevocationList,
} from "../../../src/credentials/revocation/revocation-list.ts";
import { authority, Openssl } from "./openssl.ts";

const openssl = new Openssl();
afterAll(() => openssl.remove());

const now = Date.now() + 60_000;
const day = 86_400_000;
let root: Certificate;
let good: Certificate;
let bad: Certificate;

const policy = `[ca]
default_ca=d
[d]
database=index.txt
crlnumber=crlnumber
certificate=root.pem
private_key=root.key
default_md=sha256
default_crl_days=7
[list]
authorityKeyIdentifier=keyid
[scoped]
issuingDistributionPoint=critical,@point
[point]
fullname=URI:http://other.example/x.crl
[ownpoint]
issuingDistributionPoint=critical,@own
[own]
fullname=URI:http://ca.example/a.crl
[hosts]
issuingDistributionPoint=critical,@onlyhosts
[onlyhosts]
onlyuser=TRUE
[authorities]
issuingDistributionPoint=critical,@onlycas
[onlycas]
onlyCA=TRUE
[strange]
1.2.3.4=critical,ASN1:NULL
[reasons]
issuingDistributionPoint=critical,@somereasons
[somereasons]
onlysomereasons=keyCompromise
[indirect]
issuingDistributionPoint=critical,@others
[others]
indirectCRL=TRUE
[delta]
2.5.29.27=critical,ASN1:INTEGER:4096
[early]
2.5.29.27=critical,ASN1:INTEGER:65535
`;

beforeAll(() => {
  root = openssl.issue({ name: "root", subject: "/CN=Root", extensions: authority });
  const where = [
    "crlDistributionPoints=URI:http://ca.example/a.crl",
    "authorityInfoAccess=OCSP;URI:http://ca.example/ocsp",
  ];
  good = openssl.issue({ name: "good", issuer: "root", subject: "/CN=good", extensions: where });
  bad = openssl.issue({ name: "bad", issuer: "root", subject: "/CN=bad", extensions: where });
  openssl.write("index.txt", "");
  openssl.write("crlnumber", "1000\n");
  openssl.write("ca.cnf", policy);
  openssl.run("ca", "-config", "ca.cnf", "-valid", "good.pem");
  openssl.run("ca", "-config", "ca.cnf", "-revoke", "bad.pem", "-crl_reason", "keyCompromise");
});

function list(section = "list", ...more: string[]): RevocationList {
  openssl.run("ca", "-config", "ca.cnf", "-gencrl", "-crlexts", section, ...more, "-out", "list.pem");
  openssl.run("crl", "-in", "list.pem", "-outform", "DER", "-out", "list.der");
  const read = readRevocationList(openssl.read("list.der"));
  if (!(read instanceof RevocationList)) throw new Error(read.sentence);
  return read;
}

/** The answer of openssl's responder to our own request. */
function answer(certificate: Certificate, signer = "root", ...more: string[]): OcspAnswer {
  openssl.write("request.der", ocspRequest(certificate, root, Buffer.alloc(16, 7)));
  const responder = [
    "ocsp",
    "-index",
    "index.txt",
    "-CA",
    "root.pem",
    "-rsigner",
    `${signer}.pem`,
    "-rkey",
    `${signer}.key`,
  ];
  openssl.run(...responder, "-reqin", "request.der", "-respout", "answer.der", "-ndays", "1", ...more);
  const read = readOcspAnswer(openssl.read("answer.der"));
  if ("fault" in read) throw new Error(read.sentence);
  return read;
}

function judge(leaf: Certificate, evidence: Partial<RevocationEvidence>, at = now, strict = true): string {
  const path: Path = [leaf, root];
  const refusal = judgeRevocation(path, strict ? "strict" : "if-present", { lists: [], answers: [], ...evidence }, at);
  return refusal === undefined ? "holds" : `${refusal.check} on ${refusal.certificate}: ${refusal.seen}`;
}

describe("a list", () => {
  test("clears who is not on it, and revokes who is, whatever the policy", () => {
    const lists = [list()];
    expect(judge(good, { lists })).toBe("holds");
    expect(judge(bad, { lists })).toMatch(
      /^revoked on CN=bad: revoked at 20.* \(keyCompromise\), says its authority's list$/,
    );
    expect(judge(bad, { lists }, now, false)).toMatch(/^revoked/);
  });

  test("counts while it is fresh", () => {
    const lists = [list()];
    expect(judge(good, { lists }, now + 8 * day)).toContain("its authority's list is too old");
    expect(judge(bad, { lists }, now + 8 * day, false)).toBe("holds");
    expect(judge(good, { lists }, now - day)).toContain("revocation-unknown");
  });

  test("of another key with the authority's name says nothing", () => {
    const other = new Openssl();
    other.issue({ name: "root", subject: "/CN=Root", extensions: authority });
    other.write("index.txt", "");
    other.write("crlnumber", "01\n");
    other.write("ca.cnf", policy);
    other.run("ca", "-config", "ca.cnf", "-gencrl", "-crlexts", "list", "-out", "list.pem");
    other.run("crl", "-in", "list.pem", "-outform", "DER", "-out", "list.der");
    const forged = readRevocationList(other.read("list.der"));
    other.remove();
    if (!(forged instanceof RevocationList)) throw new Error(forged.sentence);
    expect(judge(bad, { lists: [forged] })).toContain("no list of its authority");
    expect(judge(bad, { lists: [forged, list()] })).toMatch(/^revoked/);
  });

  test("for other certificates, or with what nobody knows, says nothing", () => {
    for (const section of ["scoped", "authorities", "strange", "reasons", "indirect"])
      expect(judge(good, { lists: [list(section)] }), section).toContain("no list of its authority");
    for (const section of ["hosts", "ownpoint"]) expect(judge(good, { lists: [list(section)] }), section).toBe("holds");
  });

  test("and its delta together are the newest state", () => {
    const victim = openssl.issue({ name: "late", issuer: "root", subject: "/CN=late" });
    openssl.run("ca", "-config", "ca.cnf", "-valid", "late.pem");
    // The delta says that it is based on list 4096, as the whole one is numbered or later.
    const base = list();
    openssl.run("ca", "-config", "ca.cnf", "-revoke", "late.pem");
    const delta = list("delta");
    expect(judge(victim, { lists: [base] })).toBe("holds");
    expect(judge(victim, { lists: [base, delta] })).toMatch(/^revoked on CN=late/);
    expect(judge(victim, { lists: [delta] })).toContain("revocation-unknown");
    // Nor where it tells what changed since a later list than the one that is here (RFC 5280 5.2.4).
    expect(judge(victim, { lists: [base, list("early")] })).toBe("holds");
  });

  test("counts above a delta from before it", () => {
    const spared = openssl.issue({ name: "spared", issuer: "root", subject: "/CN=spared" });
    const index = openssl.read("index.txt");
    openssl.run("ca", "-config", "ca.cnf", "-revoke", "spared.pem", "-crl_reason", "certificateHold");
    const delta = list("delta");
    openssl.write("index.txt", index);
    expect(judge(spared, { lists: [list(), delta] })).toBe("holds");
  });

  test("signed with SHA-1, or by an authority that is for certificates alone, says nothing", () => {
    expect(judge(good, { lists: [list("list", "-md", "sha1")] })).toContain("no list of its authority");
    const usage = [authority[0] ?? "", "keyUsage=critical,keyCertSign"];
    const issuer = openssl.issue({ name: "issuer", subject: "/CN=Issuer", extensions: usage });
    const leaf = openssl.issue({ name: "leaf", issuer: "issuer", subject: "/CN=leaf" });
    const lists = [list("list", "-keyfile", "issuer.key", "-cert", "issuer.pem")];
    expect(lists[0]?.isSignedBy(issuer)).toBe(true);
    expect(judgeRevocation([leaf, issuer], "strict", { lists, answers: [] }, now)).toMatchObject({
      check: "revocation-unknown",
    });
  });

  test("of the authority above revokes the one below it, whatever is known of the peer's own certificate", () => {
    const middle = openssl.issue({ name: "middle", issuer: "root", subject: "/CN=Middle", extensions: authority });
    const leaf = openssl.issue({ name: "below", issuer: "middle", subject: "/CN=below" });
    openssl.run("ca", "-config", "ca.cnf", "-revoke", "middle.pem", "-crl_reason", "cACompromise");
    const evidence = { lists: [list()], answers: [] };
    expect(judgeRevocation([leaf, middle, root], "if-present", evidence, now)).toMatchObject({
      check: "revoked",
      depth: 1,
      certificate: "CN=Middle",
    });
  });

  test("of megabytes is read in slices, so that others have their turn", () => {
    const entries = Array.from(
      { length: 60_000 },
      (_, index) =>
        `R\t491231235959Z\t260101000000Z,superseded\t${(0x10_00_00_00 + index).toString(16)}\tunknown\t/CN=x\n`,
    );
    openssl.write("long.txt", entries.join(""));
    openssl.write("long.cnf", policy.replace("index.txt", "long.txt"));
    openssl.run("ca", "-config", "long.cnf", "-gencrl", "-crlexts", "list", "-out", "long.pem");
    openssl.run("crl", "-in", "long.pem", "-outform", "DER", "-out", "long.der");
    const der = openssl.read("long.der");
    expect(der.length).toBeGreaterThan(2 << 20);
    const steps = readingRevocationList(der);
    let turns = 0;
    let step = steps.next();
    for (; !step.done; step = steps.next()) turns += 1;
    const read = step.value;
    if (!(read instanceof RevocationList)) return expect.unreachable();
    expect(turns).toBe(600);
    expect(read.entries.size).toBe(60_000);
    expect(read.entries.get("1000ea5f")).toMatchObject({ reason: "superseded" });
    expect(read.isSignedBy(root)).toBe(true);
    // Whatever is changed in it, it is nobody's.
    const forged = Buffer.from(der);
    forged[1 << 20] = (forged[1 << 20] ?? 0) ^ 1;
    const other = readRevocationList(forged);
    expect(other instanceof RevocationList && other.isSignedBy(root)).toBe(false);
  });

  test("that names one algorithm where it is signed and another where it is not is refused", () => {
    list();
    const der = openssl.read("list.der");
    const last = der.lastIndexOf(Buffer.from("2a8648ce3d040302", "hex")) + 7;
    expect(readRevocationList(der)).toBeInstanceOf(RevocationList);
    der[last] = 3;
    expect(readRevocationList(der)).toMatchObject({
      fault: "structure",
      sentence: expect.stringContaining("two signature"),
    });
  });

  test("cut at any octet is refused with a type", () => {
    list();
    const der = openssl.read("list.der");
    for (let length = 0; length < der.length; length++)
      expect(readRevocationList(der.subarray(0, length))).toMatchObject({ fault: "malformed" });
    expect(readRevocationList(Buffer.alloc(9 << 20, 0x30))).toMatchObject({ fault: "too-large" });
  });
});

describe("an answer of a responder", () => {
  test("clears and revokes, and has our nonce", () => {
    const answers = [answer(good)];
    expect(judge(good, { answers })).toBe("holds");
    expect(Buffer.from(answers[0]?.nonce ?? []).toString("hex")).toBe("07".repeat(16));
    expect(judge(bad, { answers })).toContain("no answer of a responder");
    expect(judge(bad, { answers: [answer(bad)] })).toMatch(/^revoked on CN=bad: .*keyCompromise.*responder$/);
  });

  test("counts above a list that does not know yet, and too old not at all", () => {
    const before = list();
    const victim = openssl.issue({ name: "fresh", issuer: "root", subject: "/CN=fresh" });
    openssl.run("ca", "-config", "ca.cnf", "-revoke", "fresh.pem");
    expect(judge(victim, { lists: [before], answers: [answer(victim)] })).toMatch(/^revoked/);
    expect(judge(good, { answers: [answer(good)] }, now + 2 * day)).toContain("too old");
  });

  test("about a certificate that the responder does not know says nothing", () => {
    const stranger = openssl.issue({ name: "stranger", issuer: "root", subject: "/CN=stranger" });
    expect(judge(stranger, { answers: [answer(stranger)] })).toContain("the responder does not know it");
  });

  test("counts from a delegate of the authority, and from nobody else", () => {
    openssl.issue({
      name: "delegate",
      issuer: "root",
      subject: "/CN=Responder",
      extensions: ["extendedKeyUsage=OCSPSigning"],
    });
    openssl.issue({
      name: "impostor",
      issuer: "root",
      subject: "/CN=Impostor",
      extensions: ["extendedKeyUsage=serverAuth"],
    });
    openssl.issue({ name: "outsider", subject: "/CN=Root", extensions: ["extendedKeyUsage=OCSPSigning"] });
    expect(judge(good, { answers: [answer(good, "delegate")] })).toBe("holds");
    for (const signer of ["impostor", "outsider", "good"])
      expect(judge(good, { answers: [answer(good, signer)] }), signer).toContain(
        "not signed by a responder of its authority",
      );
    // Nor from a delegate with what nobody knows, after the delegate's time, or with SHA-1.
    const extensions = ["extendedKeyUsage=OCSPSigning", "1.2.3.4=critical,ASN1:NULL"];
    openssl.issue({ name: "strange", issuer: "root", subject: "/CN=Strange", extensions });
    expect(judge(good, { answers: [answer(good, "strange")] })).toContain("not signed by a responder");
    openssl.issue({ name: "brief", issuer: "root", subject: "/CN=Brief", extensions: extensions.slice(0, 1), days: 1 });
    const answers = [answer(good, "brief", "-ndays", "5")];
    expect(judge(good, { answers })).toBe("holds");
    expect(judge(good, { answers }, now + 2 * day)).toContain("not signed by a responder");
    expect(judge(good, { answers: [answer(good, "root", "-rmd", "sha1")] })).toContain("not signed by a responder");
    const changed = answer(good);
    changed.signed.signature[10] = (changed.signed.signature[10] ?? 0) ^ 1;
    expect(isAnsweredFor(changed, root, now)).toBe(false);
  });

  test("that is none, or cut at any octet, is refused with a type", () => {
    answer(good);
    const der = openssl.read("answer.der");
    for (let length = 0; length < der.length; length++)
      expect(readOcspAnswer(der.subarray(0, length))).toHaveProperty("fault");
    expect(readOcspAnswer(Buffer.from("30030a0106", "hex"))).toEqual({
      fault: "refused",
      sentence: "the responder says unauthorized",
    });
  });
});

describe("where to ask", () => {
  test("is said for what is unknown alone", () => {
    const sources = (
      leaf: Certificate,
      kind: "list" | "answer",
      evidence: Partial<RevocationEvidence> = {},
    ): string[] =>
      revocationSources([leaf, root], { lists: [], answers: [], ...evidence }, now, kind).map(({ url }) => url);
    expect(sources(good, "list")).toEqual(["http://ca.example/a.crl"]);
    expect(sources(good, "answer")).toEqual(["http://ca.example/ocsp"]);
    expect(sources(good, "list", { answers: [answer(good)] })).toEqual([]);
    const odd = openssl.issue({
      name: "odd",
      issuer: "root",
      subject: "/CN=odd",
      extensions: ["crlDistributionPoints=URI:ldap://x/y,URI:file:///etc/passwd"],
    });
    expect(sources(odd, "list")).toEqual([]);
    // A list of some reasons only, or of another issuer, clears nobody.
    for (const [name, line] of [
      ["some", "reasons=keyCompromise"],
      ["others", "CRLissuer=dirName:who"],
    ] as const) {
      const point = ["crlDistributionPoints=p", "[p]", "fullname=URI:http://ca.example/a.crl", line];
      const extensions = [...point, "[who]", "CN=Else"];
      const leaf = openssl.issue({ name, issuer: "root", subject: `/CN=${name}`, extensions });
      expect(sources(leaf, "list"), name).toEqual([]);
    }
  });
});

test("openssl takes our request for its own", () => {
  openssl.write("request.der", ocspRequest(good, root, Buffer.alloc(16, 7)));
  const text = execFileSync("openssl", ["ocsp", "-reqin", openssl.path("request.der"), "-req_text"], {
    stdio: ["ignore", "pipe", "pipe"],
  }).toString();
  expect(text).toContain(good.serial.toUpperCase().replace(/^0+/, ""));
  expect(text).toContain("OCSP Nonce");
});
