// Each row of the table of algorithms is negotiated and carries a ping, or is marked decode-only with the reason.
import { describe, expect, test } from "vitest";
import { parseProposal } from "../../src/crypto/keywords.ts";
import { type Transform, transforms } from "../../src/crypto/transforms.ts";
import { peerOf, statusOf } from "./daemon-words.ts";
import { secret } from "./ends.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import type { Machine } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import type { Connection } from "./lab/strongswan.ts";
import type { Underlock } from "./lab/underlock.ts";

/** A proposal in which one row is the point, and the others are there because it needs them. */
interface Cell extends Proposal {
  readonly row: Transform;
}

interface Proposal {
  readonly protocol: "ike" | "esp" | "ah";
  readonly proposal: string;
}

/** Two cells share a peer: one for its IKE SA, one for its Child SA, a tunnel between subnets of its own. */
interface Pairing {
  readonly name: string;
  readonly subnets: { readonly a: string; readonly b: string };
  readonly hosts: { readonly a: string; readonly b: string };
  readonly ike: Proposal;
  readonly child: Proposal;
}

function cellsOf(row: Transform): Cell[] {
  if (row.decodeOnly !== undefined || isForIkev1Alone(row)) return [];
  const cell = (protocol: Cell["protocol"], proposal: string): Cell => ({ row, protocol, proposal });
  const { keyword } = row;
  switch (row.type) {
    case "ENCR":
      return [
        ...(row.uses.ike ? [cell("ike", `${keyword}-${row.aead ? "prfsha256" : "sha256"}-x25519`)] : []),
        ...(row.uses.esp ? [cell("esp", row.aead ? keyword : `${keyword}-sha256`)] : []),
      ];
    case "INTEG":
      return [
        ...(row.uses.ike ? [cell("ike", `aes128-${keyword}-prfsha256-x25519`)] : []),
        ...(row.uses.esp ? [cell("esp", `aes128-${keyword}`)] : []),
        ...(row.uses.ah ? [cell("ah", keyword)] : []),
      ];
    case "PRF":
      return [cell("ike", `aes128gcm16-${keyword}-x25519`)];
    case "KE":
      return [cell("ike", `aes128gcm16-prfsha256-${keyword}`)];
    case "ESN":
      return [cell("esp", `aes128gcm16-${keyword}`)];
  }
}

function isForIkev1Alone(row: Transform): boolean {
  return row.type === "ENCR" && row.ikev1Only !== undefined;
}

const cells = transforms.flatMap(cellsOf);

/** A stock strongSwan has every one of them. */
const pairings = paired(cells);

test("every row has a cell for each of its uses, or a reason why it is only decoded", () => {
  const without = transforms.filter((row) => !cells.some((cell) => cell.row === row));
  expect(without.filter((row) => !row.decodeOnly && !isForIkev1Alone(row))).toEqual([]);
  expect(cells.length).toBeGreaterThan(100);
});

describe("every row of the table", () => {
  const spec = { gateways: ["a", "b"], lan: "device", seconds: 240 } as const;

  scenario("between two of us", spec, async (lab) => {
    await daemon(lab, "b").start();
    await tryAll(lab);
  });

  scenario("with strongSwan 6.0.1", spec, async (lab) => {
    await lab.strongswan(
      "b",
      "6.0.1",
      pairings.map((pairing) => connection(lab, pairing)),
    );
    await tryAll(lab);
  });
});

/** Brings all of them up at once, pings across each, and says of each what is not as it should be. */
async function tryAll(lab: Lab): Promise<void> {
  for (const end of ["a", "b"] as const) {
    await lab.gateway(end).machine.ip(pairings.map(({ hosts }) => `address add ${hosts[end]}/24 dev lan0`));
  }
  const ours = daemon(lab, "a");
  await ours.must("lock");
  const wire = await lab.watch();
  await ours.start();
  const { machine } = lab.gateway("a");
  const answered = await pings(machine);
  const status = await statusOf(ours);
  const sas = await kernelSas(machine);
  const algorithms = await kernelAlgorithms(machine);
  const faults = pairings.flatMap(({ name, ike, child }) => {
    const { ikeSas, children, reason } = peerOf(status, name);
    const [record] = children;
    const own = sas.filter(({ reqid }) => reqid === record?.reqid);
    const wanted = rowsOf(child);
    const checks: [what: string, fine: boolean][] = [
      [`IKE ${ike.proposal}: ${reason?.sentence ?? ikeSas[0]?.proposal}`, isChosen(ikeSas[0]?.proposal, ike)],
      [`${child.proposal}: ${record?.reason?.sentence ?? record?.state}`, record?.state === "up"],
      [`${child.proposal}: no answer to ping`, answered.has(name)],
      [`${child.proposal}: SAs idle`, own.length === 2 && own.every(({ packets }) => packets > 0)],
      [
        `${child.proposal}: the kernel has ${algorithms.get(record?.reqid ?? 0)}`,
        algorithms.get(record?.reqid ?? 0) === kernelText(wanted),
      ],
      [`${child.proposal}: ESN`, own.every(({ esn }) => esn === wanted.some(({ keyword }) => keyword === "esn"))],
    ];
    return checks.filter(([, fine]) => !fine).map(([what]) => `${name}: ${what}`);
  });
  expect(faults).toEqual([]);
  expect(wire.counts().esp).toBeGreaterThanOrEqual(2 * pairings.filter(({ child }) => child.protocol === "esp").length);
  expect((await lab.wireFrom("a")).leaks).toEqual([]);
}

function paired(all: readonly Cell[]): Pairing[] {
  const ike = all.filter(({ protocol }) => protocol === "ike");
  const children = all.filter(({ protocol }) => protocol !== "ike");
  return Array.from({ length: Math.max(ike.length, children.length) }, (_, index) => ({
    name: `p${index + 1}`,
    subnets: { a: `10.1.${index + 1}.0/24`, b: `10.2.${index + 1}.0/24` },
    hosts: { a: `10.1.${index + 1}.1`, b: `10.2.${index + 1}.1` },
    ike: ike[index] ?? { protocol: "ike", proposal: "aes128gcm16-prfsha256-x25519" },
    child: children[index] ?? { protocol: "esp", proposal: "aes128gcm16" },
  }));
}

function rowsOf({ proposal, protocol }: Proposal): Transform[] {
  return parseProposal(proposal, protocol);
}

function isChosen(chosen: string | undefined, { protocol, proposal }: Proposal): boolean {
  if (!chosen) return false;
  const keywords = (text: string) => parseProposal(text, protocol).map(({ keyword }) => keyword);
  return keywords(chosen).sort().join() === keywords(proposal).sort().join();
}

/** Every algorithm that stands, by reqid: name, bits of key, bits of ICV, as the table would have it. */
async function kernelAlgorithms(machine: Machine): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const stanza of (await machine.run("ip xfrm state list")).split(/\n(?=\S)/)) {
    const reqid = Number(/reqid (\d+)/.exec(stanza)?.[1]);
    const lines = [...stanza.matchAll(/^\s+(aead|auth-trunc|enc) (\S+)(?: 0x([0-9a-f]*))?(?: (\d+))?\s*$/gm)];
    const texts = lines.map(([, kind, name, key = "", icv]) =>
      [kind, name, key.length * 4, icv ?? ""].join(" ").trim(),
    );
    if (texts.length > 0) found.set(reqid, texts.sort().join(", "));
  }
  return found;
}

function kernelText(rows: readonly Transform[]): string {
  const texts = rows.flatMap((row) => {
    if (row.type === "INTEG") return [`auth-trunc ${row.kernel?.name} ${row.keyLength * 8} ${row.kernel?.icvBits}`];
    if (row.type !== "ENCR") return [];
    const key = row.keyBits + row.saltLength * 8;
    return [row.aead ? `aead ${row.kernel?.name} ${key} ${row.icvLength * 8}` : `enc ${row.kernel?.name} ${key}`];
  });
  return texts.sort().join(", ");
}

/** The names of those across which a ping was answered; each is tried until its SAs have had time to stand. */
async function pings(machine: Machine): Promise<Set<string>> {
  const script = pairings.map(
    ({ name, hosts }) =>
      `(for try in $(seq 20); do ping -q -c 1 -W 2 -I ${hosts.a} ${hosts.b} && echo answered ${name} && break; sleep 1; done) 2>&1 &`,
  );
  const printed = await machine.run([...script, "wait"].join("\n"), { timeout: 120_000 });
  return new Set([...printed.matchAll(/^answered (\S+)$/gm)].map(([, name = ""]) => name));
}

function daemon(lab: Lab, here: "a" | "b"): Underlock {
  const there = here === "a" ? "b" : "a";
  const peer = ({ name, subnets, ike, child }: Pairing) => ({
    remote: lab.gateway(there).address.v4,
    "local-id": `${here}-${name}.example`,
    id: `${there}-${name}.example`,
    auth: { psk: "file:peer.psk" },
    ike: ike.proposal,
    [child.protocol]: child.proposal,
    ...weakOf([...rowsOf(ike), ...rowsOf(child)]),
    protect: [{ tunnel: `${subnets[here]} <-> ${subnets[there]}` }],
    initiate: here === "a",
  });
  return lab.underlock(here, {
    config: {
      local: { address: lab.gateway(here).address.v4 },
      peers: Object.fromEntries(pairings.map((pairing) => [pairing.name, peer(pairing)])),
    },
    files: { "peer.psk": `${secret}\n` },
  });
}

function weakOf(rows: readonly Transform[]): { readonly weak?: readonly string[] } {
  const weak = rows.flatMap((row) => ("weak" in row && row.weak !== undefined ? [row.keyword] : []));
  return weak.length === 0 ? {} : { weak };
}

function connection(lab: Lab, { name, subnets, ike, child }: Pairing): Connection {
  return {
    name,
    localAddress: lab.gateway("b").address.v4,
    remoteAddress: lab.gateway("a").address.v4,
    localId: `b-${name}.example`,
    remoteId: `a-${name}.example`,
    secret,
    ike: ike.proposal,
    children: [{ name, mode: "tunnel", localTs: subnets.b, remoteTs: subnets.a, [child.protocol]: child.proposal }],
  };
}
