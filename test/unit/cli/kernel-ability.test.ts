import { describe, expect, it } from "vitest";
import { kernelAbility } from "../../../src/cli/kernel-ability.ts";
import { parseProposal } from "../../../src/crypto/keywords.ts";
import type { Lack } from "../../../src/kernel/xfrm/capabilities.ts";
import type { NeededSa } from "../../../src/kernel/xfrm/probe-sa.ts";
import type { ChildDesired, DesiredState, PeerDesired } from "../../../src/sa/desired.ts";

function desired(protocol: "esp" | "ah", remote: string, ...proposals: string[]): DesiredState {
  const child = {
    name: "gre",
    protocol,
    proposals: proposals.map((text) => ({ transforms: parseProposal(text, protocol) })),
  };
  const peer = { name: "b", remote: [remote], local: undefined, children: [child as unknown as ChildDesired] };
  return { local: { locks: [] }, peers: [peer as unknown as PeerDesired] };
}

function wordsOf({ protocol, family, encr, integ }: NeededSa): string {
  return [protocol, family, encr?.keyword, integ?.keyword].filter((word) => word !== undefined).join(" ");
}

/** A kernel that lacks what `lacks` says, and notes what it was asked. */
function kernel(lacks: (need: NeededSa) => Lack["kind"] | undefined) {
  const asked: string[] = [];
  const find = (needs: readonly NeededSa[]): Lack[] =>
    needs.flatMap((need) => {
      asked.push(wordsOf(need));
      const kind = lacks(need);
      return kind === undefined ? [] : [{ kind, need, errno: "ENOSYS", sentence: `no ${wordsOf(need)}` }];
    });
  return { asked, find };
}

describe("what the kernel must be able to do", () => {
  it("is each choice among a child's proposals, once", () => {
    const { asked, find } = kernel(() => undefined);
    const state = desired("esp", "2001:db8::2", "aes128gcm16-aes256gcm16", "aes128-sha256-sha512", "aes128gcm16-esn");
    expect(kernelAbility(state, find)).toEqual({ inability: [], warnings: [] });
    expect(asked).toEqual(["esp 6 aes128gcm16", "esp 6 aes256gcm16", "esp 6 aes128 sha256", "esp 6 aes128 sha512"]);
    const ah = kernel(() => undefined);
    kernelAbility(desired("ah", "192.0.2.2", "sha256-sha384"), ah.find);
    expect(ah.asked).toEqual(["ah 4 sha256", "ah 4 sha384"]);
  });

  it("an algorithm that is missing beside others is a warning", () => {
    const { find } = kernel((need) => (need.encr?.keyword === "chacha20poly1305" ? "no-algorithm" : undefined));
    expect(kernelAbility(desired("esp", "192.0.2.2", "aes128gcm16-chacha20poly1305"), find)).toEqual({
      inability: [],
      warnings: [{ kind: "kernel", code: "no-algorithm", sentence: "no esp 4 chacha20poly1305" }],
    });
  });

  it("a child of which no proposal is possible cannot run", () => {
    const { find } = kernel(() => "no-algorithm");
    expect(kernelAbility(desired("esp", "192.0.2.2", "chacha20poly1305"), find)).toEqual({
      inability: ["b / gre: none of its proposals is possible here", "no esp 4 chacha20poly1305"],
      warnings: [],
    });
  });

  it("AH around ESP needs one of each: ESP that encrypts alone, and AH", () => {
    const state = desired("esp", "192.0.2.2", "null-sha256");
    const [peer] = state.peers;
    const transforms = (text: string, protocol: "esp" | "ah") => [
      { transforms: parseProposal(text, protocol, "in-ah") },
    ];
    const [child] = (peer?.children ?? []).map((one) => ({
      ...one,
      proposals: transforms("aes256", "esp"),
      ah: transforms("sha256-sha512", "ah"),
    }));
    if (peer === undefined || child === undefined) throw new Error("no child");
    const set = { ...state, peers: [{ ...peer, children: [child] }] };
    const { asked, find } = kernel((need) => (need.protocol === "ah" ? "no-algorithm" : undefined));
    expect(kernelAbility(set, find).inability).toEqual([
      "b / gre: none of its proposals is possible here",
      "no ah 4 sha256",
      "no ah 4 sha512",
    ]);
    expect(asked).toEqual(["esp 4 aes256", "ah 4 sha256", "ah 4 sha512"]);
  });

  it("a kernel without the protocol, without XFRM or without permission cannot run it", () => {
    const { find } = kernel(() => "no-protocol");
    expect(kernelAbility(desired("esp", "192.0.2.2", "aes128gcm16"), find).inability).toEqual(["no esp 4 aes128gcm16"]);
    const lack: Lack = { kind: "not-permitted", errno: "EPERM", sentence: "run as root" };
    expect(kernelAbility({ local: { locks: [] }, peers: [] }, () => [lack]).inability).toEqual(["run as root"]);
  });
});
