/**
 * The floor: nothing but the public-key, PRF and cipher operations of a responder's handshake, as often as asked, in a
 * process of its own. What a daemon in this language cannot do without; parsing, state, sockets and log come on top.
 */
import { generateKePair } from "../../src/crypto/key-exchange.ts";
import { randomBytes } from "../../src/crypto/secret.ts";
import { deriveKeying } from "../../src/ikev2/keying.ts";
import { pskAuth } from "../../src/ikev2/psk-auth.ts";
import { type CaseName, responderId, secret, suiteOfCase } from "./cases.ts";

/** `count` handshakes of a case are asked for; the count comes back when they are done. */
export interface FloorRequest {
  readonly case: CaseName;
  readonly count: number;
}

/** Octets of an IKE_SA_INIT message, of the two plaintexts of IKE_AUTH, and of what is authenticated beside them. */
const sizes = { init: 300, request: 128, response: 80, aad: 32 } as const;

process.on("message", (request: FloorRequest) => {
  const operations = prepare(request.case);
  for (let left = request.count; left > 0; left -= 1) operations();
  process.send?.(request.count);
});
process.on("disconnect", () => process.exit());

function prepare(name: CaseName): () => void {
  const suite = suiteOfCase(name);
  const peer = generateKePair(suite.ke).publicValue;
  const nonce = randomBytes(32);
  const message = randomBytes(sizes.init);
  const identity = { idType: responderId.idType, data: responderId.octets };
  const psk = Buffer.from(secret, "ascii");
  const iv = randomBytes(suite.encr.ivLength);
  const aad = randomBytes(sizes.aad);
  const answer = randomBytes(sizes.response);
  const keys = (role: "initiator" | "responder", shared: Buffer) =>
    deriveKeying({
      role,
      suite,
      // The same keys each time, so that one request, sealed beforehand, is opened each time.
      secret: shared.fill(1),
      ni: nonce,
      nr: nonce,
      initiatorSpi: 1n,
      responderSpi: 2n,
    });
  const sealed = keys("initiator", generateKePair(suite.ke).deriveShared(peer)).keying.sending;
  const request = sealed.seal(aad, iv, randomBytes(sizes.request));
  return () => {
    const { keying, skPi, skPr } = keys("responder", generateKePair(suite.ke).deriveShared(peer));
    if (keying.receiving.open(aad, iv, request) === undefined) throw new Error("the floor's request does not open");
    pskAuth(suite.prf, psk, { message, nonce, identity, skP: skPi });
    pskAuth(suite.prf, psk, { message, nonce, identity, skP: skPr });
    keying.sending.seal(aad, iv, answer);
  };
}
