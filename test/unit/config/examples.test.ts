import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeAuthority, makeHost } from "../../../src/cli/pki/make.ts";
import { formatProblem, loadConfiguration } from "../../../src/config/load.ts";
import { childSelectors } from "../../../src/engine/policies.ts";
import { formatSelector, reverseSelector } from "../../../src/negotiate/selector.ts";
import type { DesiredState, ProposalDesired } from "../../../src/sa/desired.ts";

const examples = fileURLToPath(new URL("../../../examples", import.meta.url));
const names = readdirSync(examples, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".yaml"));
const pairs = names.filter((name) => name.endsWith("/gw-a.yaml")).map(dirname);

let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "underlock-examples-"));
  cpSync(examples, folder, { recursive: true });
  writeFileSync(join(folder, "underlock.psk"), "thirty-two octets of a good key.\n", { mode: 0o600 });
  for (const user of ["alice", "bob"])
    writeFileSync(join(folder, "xauth", `${user}.password`), `the password of ${user}\n`, { mode: 0o600 });
  await makeCertificates(join(folder, "certificates"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As `underlock pki` makes them. */
async function makeCertificates(dir: string): Promise<void> {
  const options = { dir, key: "ecdsa-p256", days: 30 } as const;
  await makeAuthority("ca", options);
  for (const [name, address] of [
    ["gw-a.example", "192.0.2.1"],
    ["gw-b.example", "192.0.2.2"],
  ] as const)
    await makeHost([name, address], { ...options, ca: "ca" });
}

async function load(name: string): Promise<DesiredState> {
  const { desired, problems, fatal } = await loadConfiguration(join(folder, name), {
    resolve: async (host) => {
      throw new Error(`an example asks for ${host}`);
    },
  });
  expect(problems.map(formatProblem)).toEqual([]);
  expect(fatal).toBe(false);
  return desired;
}

const words = (list: readonly ProposalDesired[]): string =>
  list.map(({ transforms }) => transforms.map(({ keyword }) => keyword).join("-")).join(", ");

describe("examples", () => {
  it("are there", () => {
    expect(pairs).toEqual(expect.arrayContaining(["certificates", "everything", "gre", "net-to-net", "vxlan"]));
    expect(names).toEqual(expect.arrayContaining(["road/hub.yaml", "road/road.yaml"]));
  });

  it("have a caller that logs in as one of its gateway's users, and asks for what that gives", async () => {
    const [gateway, caller] = [await load("xauth/gateway.yaml"), await load("xauth/caller.yaml")];
    const { xauth: login, innerAddress: asked } = caller.peers[0] ?? {};
    const { xauth: users, innerAddress: given } = gateway.peers[0] ?? {};
    if (login?.kind !== "client" || users?.kind !== "server") throw new Error("nobody logs in");
    expect(users.users).toContainEqual({ name: login.user, password: login.password });
    expect([asked, given]).toMatchObject([
      { kind: "client", by: "pull" },
      { kind: "server", by: "pull", pool: { address: "10.9.0.0", length: 24 } },
    ]);
    const line = ({ peers }: DesiredState) =>
      peers[0]?.children.map(({ local, remote }) => [local.prefix, remote.prefix]);
    expect(line(caller)).toEqual(line(gateway)?.map(([local, remote]) => [remote, local]));
  });

  it("have one for each row of a router's transform sets", async () => {
    const rows = async (name: string) =>
      (await load(`transform-sets/${name}/gw-a.yaml`)).peers.flatMap(({ ikev1, children }) =>
        children.map(({ protocol, mode, proposals, ah, compress }) =>
          [ikev1, mode, compress && "ipcomp in", protocol, words(proposals), ah && `in ah ${words(ah)}`]
            .filter(Boolean)
            .join(" "),
        ),
      );
    expect(await rows("ah")).toEqual(["main transport ah sha256-noesn"]);
    expect(await rows("esp-encryption")).toEqual(["main tunnel esp aes256gcm16-modp2048-noesn"]);
    expect(await rows("esp-authentication")).toEqual(Array(4).fill("main tunnel esp aes256-sha256-noesn"));
    expect(await rows("ip-compression")).toEqual(["main tunnel ipcomp in esp aes256-sha256-noesn"]);
    expect(await rows("all")).toEqual([
      "main tunnel ipcomp in esp aes256-sha256-noesn in ah sha256-noesn",
      "main transport esp aes128-noesn in ah sha1-noesn",
    ]);
  });

  it.each(names)("%s is right", async (name) => {
    const desired = await load(name);
    expect(desired.peers.length).toBeGreaterThan(0);
  });

  it.each(pairs)("the two ends of %s mirror each other", async (name) => {
    const [a, b] = [await load(`${name}/gw-a.yaml`), await load(`${name}/gw-b.yaml`)];
    const seen = (state: DesiredState, turn: boolean) =>
      state.peers.map((peer) =>
        peer.children
          .flatMap((child) =>
            childSelectors(peer, child).map(
              (selector) =>
                `${child.protocol} ${child.mode} ${formatSelector(turn ? reverseSelector(selector) : selector)}`,
            ),
          )
          .sort(),
      );
    expect(seen(a, false)).toEqual(seen(b, true));
    expect(a.peers.map(({ localId, remoteId }) => [localId.text, remoteId?.text])).toEqual(
      b.peers.map(({ localId, remoteId }) => [remoteId?.text, localId.text]),
    );
  });

  it("the hub knows who calls from the road", async () => {
    const [hub, road] = [await load("road/hub.yaml"), await load("road/road.yaml")];
    expect(hub.peers[0]?.remoteId).toEqual(road.peers[0]?.localId);
    expect(hub.peers[0]?.localId).toEqual(road.peers[0]?.remoteId);
    expect(hub.peers[0]?.remote).toBe("any");
    expect(road.peers[0]?.initiate).toBe(true);
  });
});
