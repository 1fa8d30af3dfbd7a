// Rules about paths of four certificates, and about authorities that issue to themselves (RFC 5280 4.2.1.9, 4.2.1.10, 6.1.4).
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Certificate } from "../../../src/credentials/certificate.ts";
import { validatePath } from "../../../src/credentials/path/validate.ts";
import { TrustStore } from "../../../src/credentials/trust-store.ts";
import { authorityOf, make } from "./made.ts";
import { authority, Openssl } from "./openssl.ts";

const openssl = new Openssl();
afterAll(() => openssl.remove());
let root: Certificate;
beforeAll(() => {
  root = openssl.issue({ name: "root", subject: "/CN=Root", extensions: authority });
});

const validate = (leaf: Certificate, intermediates: readonly Certificate[], anchor = root) =>
  validatePath({ leaf, intermediates, trust: new TrustStore({ anchors: [anchor] }), at: Date.now() });

test("the constraints of an authority hold for all below it, not only for what it issued itself", () => {
  const extensions = [...authority, "nameConstraints=critical,permitted;DNS:good.example"];
  const top = openssl.issue({ name: "top", issuer: "root", subject: "/CN=Top", extensions });
  const middle = openssl.issue({ name: "middle", issuer: "top", subject: "/CN=Middle", extensions: authority });
  const host = (name: string) =>
    openssl.issue({ name, issuer: "middle", subject: `/CN=${name}`, extensions: [`subjectAltName=DNS:${name}`] });
  expect(validate(host("a.good.example"), [middle, top])).toMatchObject({ kind: "valid" });
  expect(validate(host("a.bad.example"), [middle, top])).toMatchObject({
    refusal: { check: "name-constraints", depth: 0, seen: "DNS:a.bad.example" },
  });
});

test("a host that is called as its authority is keeps to the constraints all the same", () => {
  const extensions = [...authority, "nameConstraints=critical,permitted;DNS:good.example"];
  const same = openssl.issue({ name: "same", issuer: "root", subject: "/CN=Same", extensions });
  const names = ["subjectAltName=DNS:bad.example"];
  const leaf = openssl.issue({ name: "leaf", issuer: "same", subject: "/CN=Same", extensions: names });
  expect(validate(leaf, [same])).toMatchObject({ refusal: { check: "name-constraints", depth: 0 } });
});

test("an authority that renews itself does not count for the length of the path; another does", () => {
  const anchor = authorityOf("Anchor");
  const first = authorityOf("A", { issuer: anchor, purpose: { kind: "authority", pathLength: 0 } });
  const renewed = authorityOf("A", { issuer: first });
  const other = authorityOf("B", { issuer: first });
  const below = (issuer: typeof first) =>
    validate(make("host", { issuer }).certificate, [issuer.certificate, first.certificate], anchor.certificate);
  expect(below(renewed)).toMatchObject({ kind: "valid" });
  expect(below(other)).toMatchObject({ refusal: { check: "path-length", depth: 2, seen: "1" } });
});

test("a certificate without extensions is an authority only where it is trusted itself", () => {
  openssl.run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "old.key");
  openssl.run("req", "-new", "-key", "old.key", "-subj", "/CN=Root", "-out", "old.csr");
  const plain = (file: string, ...signer: string[]): Certificate => {
    openssl.write("none.ext", "[e]\nsubjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n");
    const request = ["x509", "-req", "-in", "old.csr", "-days", "9", "-extfile", "none.ext", "-extensions", "e"];
    openssl.run(...request, ...signer, "-out", `${file}.pem`);
    openssl.run("x509", "-in", `${file}.pem`, "-outform", "DER", "-out", `${file}.der`);
    return openssl.certificate(`${file}.der`);
  };
  const anchor = plain("old", "-signkey", "old.key");
  expect(anchor.extensions.basicConstraints).toBeUndefined();
  const leaf = openssl.issue({ name: "under-old", issuer: "old", subject: "/CN=h" });
  expect(validate(leaf, [], anchor)).toMatchObject({ kind: "valid" });
  // The same, but vouched for by an authority that issued it to itself.
  const below = plain("below", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial");
  expect(validate(leaf, [below])).toMatchObject({ kind: "refused" });
});
