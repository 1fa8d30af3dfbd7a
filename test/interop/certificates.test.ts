// Certificates and keys with real peers, both roles: every kind of signature that both have, chains, secrets beside certificates, what
// was revoked, and why not.
import { describe, expect } from "vitest";
import type { Openssl } from "../unit/credentials/openssl.ts";
import {
  addressOf,
  byUrl,
  type Cell,
  cells,
  inBand,
  issueAll,
  ourEnd,
  publish,
  revocable,
} from "./certificate-cells.ts";
import { bothRoles, startLibreswan, startStrongswan } from "./certificate-peers.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { plugins, strongswanVersions } from "./lab/strongswan.ts";
import type { Underlock } from "./lab/underlock.ts";

const spec = { gateways: ["a", "b"], seconds: 240 } as const;

/** Our end with these cells, and the peer's addresses, keys and lists. */
async function withCells(
  lab: Lab,
  of: readonly Cell[],
  body: (ours: Underlock, openssl: Openssl, pagesAsked: () => string) => Promise<void>,
): Promise<void> {
  const openssl = issueAll(of);
  try {
    const pagesAsked = await publish(lab, openssl, of);
    await lab.gateway("b").machine.ip(of.map((cell) => `address add ${addressOf(cell)}/24 dev u0`));
    const ours = ourEnd(lab, openssl, of);
    await ours.start();
    await body(ours, openssl, pagesAsked);
    expect(await ours.stop()).toBe(0);
  } finally {
    openssl.remove();
  }
}

const all = [...cells, ...revocable];

for (const version of strongswanVersions) {
  describe(`with strongSwan ${version}`, () => {
    scenario("every kind of signature, and every way not to hold", spec, async (lab) => {
      const answers = version === "6.0.1" ? inBand : [];
      const those = [...all, ...byUrl, ...answers];
      await withCells(lab, those, async (ours, openssl, pagesAsked) => {
        const today = those.filter(({ classic }) => classic === undefined);
        const asks = answers.length === 0 ? {} : { load: `${plugins} curl revocation` };
        const charon = await startStrongswan(lab, openssl, version, today, { hash_and_url: "yes", ...asks });
        await bothRoles(ours, charon, today);
        expect(pagesAsked()).toMatch(/^\/[0-9a-f]{40}$/m);
        if (answers.length > 0) {
          expect(charon.log()).toContain("sending OCSP status for certificate");
          expect(charon.log()).toContain("received OCSP response issued by");
        }
        await charon.stop();
        const old = all.filter(({ classic }) => classic);
        const silent = await startStrongswan(lab, openssl, version, old, { signature_authentication: "no" });
        await bothRoles(ours, silent, old);
      });
    });
  });
}

/**
 * It signs with RSA-PSS, with ECDSA as RFC 7427 has it, and with RSA and SHA-1 as RFC 7296 does; it loads no certificate of its
 * own that has expired.
 */
const libreswanCells = all.filter(
  ({ name }) => !name.endsWith("-old") && !/^(ed|rsa-pkcs1|raw-ssh|expired$)/.test(name),
);

describe("with Libreswan 5.2", () => {
  scenario("every kind of signature that it has, and every way not to hold", spec, async (lab) => {
    await withCells(lab, libreswanCells, async (ours, openssl) => {
      await bothRoles(ours, await startLibreswan(lab, openssl, libreswanCells), libreswanCells);
    });
  });
});
