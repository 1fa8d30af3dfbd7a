// Peers that prove themselves with certificates and keys, and what both ends say when either calls.
import { expect } from "vitest";
import { ControlError } from "../../src/daemon/control-protocol.ts";
import type { StatusReport } from "../../src/daemon/status-report.ts";
import type { Openssl } from "../unit/credentials/openssl.ts";
import { addressOf, type Cell, pages } from "./certificate-cells.ts";
import { peerOf } from "./daemon-words.ts";
import { secret, strongswanChildren } from "./ends.ts";
import type { LibreswanConnection } from "./lab/libreswan.ts";
import { publicPem, rsaDnsKey, spkiOf } from "./lab/raw-keys.ts";
import type { Lab } from "./lab/scenario.ts";
import type { Connection, Strongswan } from "./lab/strongswan.ts";
import type { Underlock } from "./lab/underlock.ts";
import type { ViciMessage } from "./lab/vici.ts";

/** What the other end can be asked for. */
export interface Other {
  /** Asks for a cell; what it said where that does not come up. */
  refusal(cell: string): Promise<string | undefined>;
  /** Ends what a cell has. */
  end(cell: string): Promise<void>;
  /** Ends its attempts to bring up what does not come up. */
  giveUp(cell: string): Promise<void>;
}

/** Without the time that a process of ours takes to start. */
async function report(ours: Underlock): Promise<StatusReport> {
  return (await ours.ask("status")) as StatusReport;
}

/** It calls, then we do: every cell comes up with both, or our end says why not. */
export async function bothRoles(ours: Underlock, other: Other, of: readonly Cell[]): Promise<void> {
  const theirCalls: object[] = [];
  for (const { name, refused } of of) {
    const refusal = await other.refusal(name);
    const { state, reason } = peerOf(await report(ours), name);
    theirCalls.push({ name, state, ...(refused === undefined ? { refusal } : { reason }) });
    await (state === "up" ? other.end(name) : other.giveUp(name));
  }
  const called = async ({ name }: Cell) => {
    try {
      await ours.ask("up", { peer: name });
      return undefined;
    } catch (error) {
      return error instanceof ControlError ? error.data : error;
    }
  };
  const answers = await Promise.all(of.map(called));
  const status = await report(ours);
  const ourCalls = of.map(({ name }, index) => ({ name, state: peerOf(status, name).state, answer: answers[index] }));
  expect({ theirCalls, ourCalls }).toMatchObject({
    theirCalls: of.map(({ name, refused }) =>
      refused === undefined ? { name, state: "up", refusal: undefined } : { name, state: "waiting", reason: refused },
    ),
    ourCalls: of.map(({ name, refused }) =>
      refused === undefined ? { name, state: "up", answer: undefined } : { name, answer: refused },
    ),
  });
  for (const { name, refused } of of) if (refused === undefined) await other.end(name);
}

/** charon with the cells. */
export async function startStrongswan(
  lab: Lab,
  openssl: Openssl,
  version: Strongswan["version"],
  of: readonly Cell[],
  options: Readonly<Record<string, string>> = {},
): Promise<Other & Pick<Strongswan, "stop" | "log">> {
  const charon = await lab.strongswan("b", version, [], options);
  const pem = (name: string) => openssl.read(name).toString();
  if (of.some((cell) => cell.byUrl))
    await charon.loadAuthority("root", { cacert: pem("root.pem"), cert_uri_base: pages });
  for (const name of ["root", "stranger", "sub-b", "sub-old"]) await charon.loadCertificate(pem(`${name}.pem`), "CA");
  for (const { name } of of) await charon.loadKey(pem(`${name}.b.key`));
  for (const cell of of) await charon.load(strongswanConnection(lab, openssl, cell));
  return {
    refusal: (cell) => charon.refusal(cell, 10),
    end: (cell) => charon.terminate(cell),
    giveUp: () => Promise.resolve(),
    stop: () => charon.stop(),
    log: () => charon.log(),
  };
}

function strongswanConnection(lab: Lab, openssl: Openssl, cell: Cell): Connection {
  const { name, raw } = cell;
  const pem = (of: string) => openssl.read(of).toString();
  const [localId, remoteId] = [`${name}.b.example`, `${name}.a.example`];
  const keyOf = (end: string) => ({ pubkeys: [publicPem(pem(`${name}.${end}.key`))] });
  const own = raw === undefined ? { certs: [pem(`${name}.b.pem`)] } : keyOf("b");
  const local: ViciMessage =
    cell.secret === "theirs" ? { auth: "psk", id: localId } : { auth: "pubkey", id: localId, ...own };
  const remote: ViciMessage = {
    auth: cell.secret === "ours" ? "psk" : "pubkey",
    id: remoteId,
    ...(raw === undefined ? {} : keyOf("a")),
    ...(cell.inBand ? { revocation: "strict" } : {}),
  };
  return {
    name,
    localAddress: addressOf(cell),
    remoteAddress: lab.gateway("a").address.v4,
    localId,
    remoteId,
    secret,
    more: { local, remote, ...(cell.inBand ? { ocsp: "both" } : {}) },
    children: strongswanChildren.gre().map((child) => ({ ...child, name })),
  };
}

/** pluto with the cells. */
export async function startLibreswan(lab: Lab, openssl: Openssl, of: readonly Cell[]): Promise<Other> {
  const pem = (name: string) => openssl.read(`${name}.pem`).toString();
  // A key goes in with the first certificate that has it.
  const first = of.filter(({ key }, index) => of.findIndex((other) => other.key === key) === index);
  const store = first.map(({ name }) => {
    const key = ["-inkey", `${name}.b.key`, "-in", `${name}.b.pem`, "-name", `${name}.b`];
    openssl.run("pkcs12", "-export", ...key, "-passout", "pass:", "-out", `${name}.p12`);
    return { name: `${name}.p12`, octets: openssl.read(`${name}.p12`) };
  });
  const others = [...of.filter((cell) => !first.includes(cell)).map(({ name }) => `${name}.b`), "sub-b", "sub-old"];
  const certificates = [
    { name: "root", pem: pem("root"), trust: "CT,," },
    ...others.map((name) => ({ name, pem: pem(name), trust: ",," })),
  ];
  const connections = of.map((cell) => libreswanConnection(lab, openssl, cell));
  const pluto = await lab.libreswan("b", connections, { store, certificates });
  const end = (cell: string) => pluto.down(cell);
  return { refusal: (cell) => pluto.refusal(cell), end, giveUp: end };
}

function libreswanConnection(lab: Lab, openssl: Openssl, cell: Cell): LibreswanConnection {
  const { name, key, raw } = cell;
  const kind = key === "rsa-2048" ? "rsasig" : "ecdsa";
  const authby = cell.classic ? "rsa-sha1" : kind === "ecdsa" ? "ecdsa" : "rsa-sha2";
  const keyOf = (end: string) => {
    const pem = openssl.read(`${name}.${end}.key`).toString();
    return kind === "rsasig" ? `0s${rsaDnsKey(pem)}` : spkiOf(pem).toString("base64");
  };
  const word = kind === "rsasig" ? "rsasigkey" : "pubkey";
  const certified = { leftcert: `${name}.b`, leftsendcert: "always", sendca: "all", rightca: "%any" };
  const own = raw === undefined ? certified : { [`left${word}`]: keyOf("b"), [`right${word}`]: keyOf("a") };
  const uneven = {
    authby: undefined,
    leftauth: kind,
    rightauth: kind,
    [cell.secret === "ours" ? "rightauth" : "leftauth"]: "secret",
  };
  return {
    name,
    localAddress: addressOf(cell),
    remoteAddress: lab.gateway("a").address.v4,
    localId: `${name}.b.example`,
    remoteId: `${name}.a.example`,
    secret,
    mode: "transport",
    selectors: { leftprotoport: "gre", rightprotoport: "gre" },
    more: { ...own, ...(cell.secret === undefined ? { authby } : uneven), pfs: "no" },
  };
}
