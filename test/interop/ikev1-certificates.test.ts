// IKEv1 with certificates: RSA signatures in main and aggressive mode, ECDSA in main mode, called by either end.
import { describe, expect } from "vitest";
import { authority, Openssl, p256, rsa2048 } from "../unit/credentials/openssl.ts";
import { peerOf, statusOf } from "./daemon-words.ts";
import { secret, strongswanChildren } from "./ends.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { type Connection, strongswanVersions } from "./lab/strongswan.ts";
import type { Underlock } from "./lab/underlock.ts";

const modes = ["main", "aggressive", "p256", "p384"] as const;
type Mode = (typeof modes)[number];
const proposals = { ike: "aes256-sha256-modp2048", esp: "aes256-sha256" };

/** Each mode is a peer at an address of its own. */
const addressOf = (mode: Mode) => `192.0.2.${101 + modes.indexOf(mode)}`;

/** With keys on curves the hash of the method is another than the negotiated one (RFC 2409 5.1). */
const p384 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
const keys: Readonly<Record<Mode, readonly string[]>> = { main: rsa2048, aggressive: rsa2048, p256, p384 };
const isAggressive = (mode: Mode) => mode === "aggressive";

function issueAll(openssl: Openssl): void {
  openssl.issue({ name: "root", subject: "/CN=root", extensions: authority });
  for (const mode of modes) {
    for (const name of [`${mode}.a`, `${mode}.b`]) {
      const extensions = [`subjectAltName=DNS:${name}.example`];
      openssl.issue({ name, subject: `/CN=${name}.example`, key: keys[mode], issuer: "root", extensions });
    }
  }
}

function ourEnd(lab: Lab, pem: (name: string) => string): Underlock {
  const section = (mode: Mode) => ({
    remote: addressOf(mode),
    id: `${mode}.b.example`,
    "local-id": `${mode}.a.example`,
    ikev1: isAggressive(mode) ? "aggressive" : "main",
    auth: { certificate: `${mode}.pem`, key: `${mode}.key`, trust: "root.pem" },
    ...proposals,
    protect: ["gre"],
    initiate: false,
  });
  const files = modes.flatMap((mode) => [
    [`${mode}.pem`, pem(`${mode}.a.pem`)],
    [`${mode}.key`, pem(`${mode}.a.key`)],
  ]);
  return lab.underlock("a", {
    config: {
      local: { address: lab.gateway("a").address.v4 },
      peers: Object.fromEntries(modes.map((mode) => [mode, section(mode)])),
    },
    files: { "root.pem": pem("root.pem"), ...Object.fromEntries(files) },
  });
}

function theirEnd(lab: Lab, mode: Mode, pem: (name: string) => string): Connection {
  const [localId, remoteId] = [`${mode}.b.example`, `${mode}.a.example`];
  return {
    name: mode,
    version: 1,
    ike: proposals.ike,
    localAddress: addressOf(mode),
    remoteAddress: lab.gateway("a").address.v4,
    localId,
    remoteId,
    secret,
    more: {
      aggressive: isAggressive(mode) ? "yes" : "no",
      local: { auth: "pubkey", id: localId, certs: [pem(`${mode}.b.pem`)] },
      remote: { auth: "pubkey", id: remoteId },
    },
    children: strongswanChildren.gre().map((child) => ({ ...child, name: mode, esp: proposals.esp })),
  };
}

describe.each(strongswanVersions)("strongSwan %s", (version) => {
  scenario("RSA signatures in both modes and ECDSA, both roles", { gateways: ["a", "b"], seconds: 90 }, async (lab) => {
    const openssl = new Openssl();
    try {
      issueAll(openssl);
      const pem = (name: string) => openssl.read(name).toString();
      await lab.gateway("b").machine.ip(modes.map((mode) => `address add ${addressOf(mode)}/24 dev u0`));
      const ours = ourEnd(lab, pem);
      await ours.start();
      const charon = await lab.strongswan("b", version, []);
      await charon.loadCertificate(pem("root.pem"), "CA");
      for (const mode of modes) await charon.loadKey(pem(`${mode}.b.key`));
      for (const mode of modes) await charon.load(theirEnd(lab, mode, pem));
      for (const mode of modes) {
        expect(await charon.refusal(mode, 10)).toBeUndefined();
        expect(peerOf(await statusOf(ours), mode)).toMatchObject({
          state: "up",
          ikeSas: [{ remoteId: `${mode}.b.example` }],
        });
        await charon.terminate(mode);
      }
      for (const mode of modes) {
        await ours.must("up", mode);
        expect(peerOf(await statusOf(ours), mode)).toMatchObject({ state: "up" });
        await charon.terminate(mode);
      }
      expect(await ours.stop()).toBe(0);
    } finally {
      openssl.remove();
    }
  });
});
