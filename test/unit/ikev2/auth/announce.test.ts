import { describe, expect, test } from "vitest";
import { makePeerTrust, type RevocationPolicy } from "../../../../src/credentials/peer-trust.ts";
import { requestPayloads } from "../../../../src/ikev2/auth/announce.ts";
import { certEncoding } from "../../../../src/wire/ikev2/registry/identity.ts";
import { authorityOf } from "../../credentials/made.ts";

const { certificate } = authorityOf("Root");

/** The encodings that our CERTREQs ask for. */
function asked(revocation: RevocationPolicy): readonly number[] {
  const trust = makePeerTrust(
    { authorities: [certificate], listed: [], keys: [], pins: [] },
    { bound: false, commonName: false, anyPurpose: false, sha1: false, revocation, name: "ca.pem" },
  );
  const remote = [{ credential: { kind: "trust", trust } }] as const;
  return requestPayloads([{ auth: { local: [], remote } }]).flatMap((each) =>
    each.kind === "CERTREQ" ? [each.encoding] : [],
  );
}

describe("an answer about revocation", () => {
  test("is asked of the peer where nothing holds without one (RFC 4806)", () => {
    const { X509_CERTIFICATE_SIGNATURE, OCSP_CONTENT } = certEncoding;
    expect(asked("strict")).toEqual([X509_CERTIFICATE_SIGNATURE, OCSP_CONTENT]);
    expect(asked("if-present")).toEqual([X509_CERTIFICATE_SIGNATURE]);
    expect(asked("off")).toEqual([X509_CERTIFICATE_SIGNATURE]);
  });
});
