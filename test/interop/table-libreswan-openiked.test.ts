// The table's cells with Libreswan 5.2 and OpenIKED 7.4, as far as each of them can.
import { describe } from "vitest";
import { libreswanConnections, secret } from "./ends.ts";
import { waitFor } from "./lab/machine.ts";
import type { OpenIkedPolicy } from "./lab/openiked.ts";
import type { Lab } from "./lab/scenario.ts";
import type { Family } from "./lab/topology.ts";
import { type OtherEnd, printTable, roles, runCells } from "./table/cells.ts";
import { type Cipher, ciphers } from "./table/ciphers.ts";

printTable();

/** Every cipher of the table, in Libreswan's words. */
const forLibreswan: readonly (readonly [Cipher, Readonly<Record<string, string>>])[] = [
  [ciphers.gcm, { ike: "aes_gcm256-sha2_384-dh20", esp: "aes_gcm256" }],
  [ciphers.cbc, { ike: "aes128-sha2_256-dh14", esp: "aes256-sha2_256" }],
  [ciphers.chacha, { ike: "chacha20_poly1305-sha2_256-dh31", esp: "chacha20_poly1305" }],
  [ciphers.ah, { ike: "aes_gcm128-sha2_256-dh31", phase2: "ah", ah: "sha2_256" }],
];

describe("with Libreswan 5.2", () => {
  for (const role of roles) {
    for (const [cipher, words] of forLibreswan) runCells({ peer: "Libreswan 5.2", role, cipher }, libreswan(words));
  }
});

/** It speaks PF_KEY on Linux, hence no AEAD for ESP, and it installs HMAC-SHA1 but refuses HMAC-SHA2-256-128. */
const cbcAndSha1: Cipher = {
  name: "AES-CBC+SHA-1",
  ike: "aes128-sha256-x25519",
  esp: "aes128-sha1",
  kernel: /^(cbc\(aes\)|hmac\(sha1\))/,
};

describe("with OpenIKED 7.4", () => {
  for (const role of roles) runCells({ peer: "OpenIKED 7.4", role, cipher: cbcAndSha1, things: ["GRE"] }, openIked());
});

function libreswan(words: Readonly<Record<string, string>>): OtherEnd {
  return {
    locks: false,
    async start(lab, { families }) {
      const connections = families.flatMap((family) =>
        libreswanConnections(lab, { here: "b", there: "a", family, more: { pfs: "no", ...words } }),
      );
      const pluto = await lab.libreswan("b", connections);
      return {
        async bringUp() {
          for (const { name } of connections) await pluto.initiate(name);
        },
      };
    },
  };
}

function openIked(): OtherEnd {
  return {
    locks: false,
    async start(lab, { families, role }) {
      const start = role === "responder" ? "active" : "passive";
      const policies = families.map((family) => policy(lab, family, start));
      if (role === "initiator") await lab.openIked("b", policies);
      return {
        // It calls its peers when it starts, and at no other time.
        async bringUp() {
          const iked = await lab.openIked("b", policies);
          for (const { localAddress, remoteAddress } of policies)
            await waitFor("iked's Child SA", () => iked.isUp(localAddress, remoteAddress));
        },
      };
    },
  };
}

function policy(lab: Lab, family: Family, start: OpenIkedPolicy["start"]): OpenIkedPolicy {
  const [localAddress, remoteAddress] = [lab.gateway("b").address[family], lab.gateway("a").address[family]];
  return {
    name: family,
    start,
    mode: "transport",
    localAddress,
    remoteAddress,
    localId: "b.example",
    remoteId: "a.example",
    secret,
    flows: `proto gre from ${localAddress} to ${remoteAddress}`,
    ike: "auth hmac-sha2-256 enc aes-128 prf hmac-sha2-256 group curve25519",
    child: "auth hmac-sha1 enc aes-128",
  };
}
