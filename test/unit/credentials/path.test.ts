import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Certificate } from "../../../src/credentials/certificate.ts";
import { type PathQuestion, validatePath } from "../../../src/credentials/path/validate.ts";
import { TrustStore } from "../../../src/credentials/trust-store.ts";
import { authority, Openssl, rsa2048 } from "./openssl.ts";

const openssl = new Openssl();
afterAll(() => openssl.remove());

const day = 86_400_000;
let root: Certificate;
let middle: Certificate;
let lower: Certificate;
let host: Certificate;

beforeAll(() => {
  root = openssl.issue({ name: "root", subject: "/C=DE/O=Example/CN=Root", key: rsa2048, extensions: authority });
  const limited = ["basicConstraints=critical,CA:TRUE,pathlen:1", "keyUsage=keyCertSign,cRLSign"];
  middle = openssl.issue({ name: "middle", issuer: "root", subject: "/CN=Middle", extensions: limited });
  lower = openssl.issue({ name: "lower", issuer: "middle", subject: "/CN=Lower", extensions: authority });
  const names = ["subjectAltName=DNS:gw.example,IP:192.0.2.1,email:ops@example.org,IP:2001:db8::1"];
  host = openssl.issue({ name: "host", issuer: "lower", subject: "/CN=gw.example", extensions: names });
});

/** The outcome in one line. */
function outcome(question: Partial<PathQuestion> & { leaf: Certificate }): string {
  const result = validatePath({
    intermediates: [],
    trust: new TrustStore({ anchors: [root] }),
    at: Date.now(),
    ...question,
  });
  if (result.kind === "valid") return result.path.map(({ label }) => label).join(" < ");
  const { check, certificate, depth, wanted, seen } = result.refusal;
  return `${check} on ${certificate} at ${depth}: wanted ${wanted}, seen ${seen}`;
}

describe("a path of openssl's certificates", () => {
  test("leads through authorities in any order to the trusted one", () => {
    const path = "CN=gw.example < CN=Lower < CN=Middle < C=DE, O=Example, CN=Root";
    expect(outcome({ leaf: host, intermediates: [lower, middle] })).toBe(path);
    expect(outcome({ leaf: host, intermediates: [root, host, middle, lower, lower] })).toBe(path);
  });

  test("ends where an authority is missing, and says which was wanted", () => {
    expect(outcome({ leaf: host, intermediates: [lower] })).toBe(
      "unknown-authority on CN=Lower at 1: wanted C=DE, O=Example, CN=Root, seen issued by CN=Middle",
    );
    expect(outcome({ leaf: host, trust: new TrustStore({}) })).toContain("an authority, and none is trusted");
  });

  test("holds within its validity alone", () => {
    const intermediates = [lower, middle];
    expect(outcome({ leaf: host, intermediates, at: Date.now() + 31 * day })).toMatch(
      /^expired on C=DE.* at 3: wanted at or before/,
    );
    expect(outcome({ leaf: host, intermediates, at: Date.now() - day })).toMatch(/^not-yet-valid on /);
  });

  test("takes one who is no authority for none, and no more authorities than one allows", () => {
    const plain = openssl.issue({ name: "plain", issuer: "root", subject: "/CN=plain.example" });
    const forged = openssl.issue({ name: "forged", issuer: "plain", subject: "/CN=victim.example" });
    expect(outcome({ leaf: forged, intermediates: [plain] })).toBe(
      "not-an-authority on CN=plain.example at 1: wanted basicConstraints with cA true, seen no basicConstraints",
    );
    openssl.issue({ name: "fourth", issuer: "lower", subject: "/CN=Fourth", extensions: authority });
    const below = openssl.issue({ name: "below", issuer: "fourth", subject: "/CN=below" });
    const intermediates = [openssl.certificate("fourth.der"), lower, middle];
    expect(outcome({ leaf: below, intermediates })).toBe(
      "path-length on CN=Middle at 3: wanted at most 1 authorities below it, seen 2",
    );
  });

  test("does not hold with a signature of another key of that name", () => {
    const other = new Openssl();
    const impostor = other.issue({ name: "root", subject: "/C=DE/O=Example/CN=Root", extensions: authority });
    const leaf = other.issue({ name: "leaf", issuer: "root", subject: "/CN=leaf" });
    expect(outcome({ leaf })).toMatch(
      /^signature on CN=leaf at 0: wanted signed by C=DE, O=Example, CN=Root \(RSA of 2048/,
    );
    // An old and a new authority of one name stand side by side.
    expect(outcome({ leaf, trust: new TrustStore({ anchors: [root, impostor] }) })).toBe(
      "CN=leaf < C=DE, O=Example, CN=Root",
    );
    other.remove();
  });

  test("trusts what is listed or pinned without an authority", () => {
    expect(outcome({ leaf: host, trust: new TrustStore({ listed: [host] }) })).toBe("CN=gw.example");
    const key = host.publicKey;
    if (!("fingerprint" in key)) throw key;
    expect(outcome({ leaf: host, trust: new TrustStore({ pinned: [key.fingerprint] }) })).toBe("CN=gw.example");
    expect(outcome({ leaf: host, trust: new TrustStore({ listed: [lower] }) })).toMatch(/^unknown-authority/);
  });
});
