import { describe, expect, test } from "vitest";
import { find, findNotify, spiNumber, spiOctets } from "../../../src/ikev2/payloads.ts";
import type { KernelRequest } from "../../../src/kernel/port.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { peer, timing } from "./desired.ts";
import { a, b, ends, facing, gre, larval, policies, standing, vxlan } from "./pair.ts";
import { acceptChild, Puppet } from "./puppet.ts";
import { carry, type EndOptions } from "./world.ts";

const [child] = peer(a, b).children;

/** With a window of one, a new request says that our answer to the last has arrived. */
const oneByOne = { window: 1, fragmentSize: 1_280 };

/** An established engine, responder, with one child whose SPI at the puppet is abcd0001. */
function established(): Puppet {
  const { one } = ends({ network: () => [] });
  one.configure(facing(a, { initiate: false, messages: oneByOne, timing: { ...timing, linger: 0 } }));
  const puppet = new Puppet(one, b, "initiator");
  puppet.init();
  puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads({ child }));
  return puppet;
}

function another(puppet: Puppet, spi: number): Payload[] {
  if (child === undefined) throw new Error("no child");
  const payloads = [...puppet.childPayloads(child, spi), { kind: "Nonce", data: Buffer.alloc(32, 3) } as const];
  return puppet.request(exchangeType.CREATE_CHILD_SA, payloads) ?? [];
}

function deletion(...spis: number[]): Payload {
  return { kind: "D", protocolId: 3, spiSize: 4, spis: spis.map(spiOctets) };
}

describe("one child that cannot be had", () => {
  test("first in IKE_AUTH: the others come up, and it is asked for again at growing waits", () => {
    const pair = ends();
    pair.one.configure(facing(a, { protect: [{ kind: "ipip" }, { kind: "gre" }, { kind: "vxlan" }] }));
    pair.two.configure(facing(b, { protect: [{ kind: "gre" }, { kind: "vxlan" }], initiate: false }));
    pair.world.guarded.push(...gre(pair), ...vxlan(pair));
    pair.world.run(300_000);
    expect(pair.one.peer().children.map(({ name, state }) => [name, state])).toEqual([
      ["ipip", "locked"],
      ["gre", "up"],
      ["vxlan-4789/to", "up"],
      ["vxlan-4789/from", "up"],
    ]);
    expect(pair.one.peer().children[0]?.reason).toMatchObject({ code: "peer-refused-selectors" });
    expect(pair.two.peer()).toMatchObject({ state: "up", reason: { code: "selectors-do-not-fit" } });
    const refusals = pair.one.log.filter(({ event }) => event === "child-sa-failed").length;
    expect(refusals).toBeGreaterThan(5);
    expect(refusals).toBeLessThan(16);
    expect(larval(pair.one)).toBe(0);
    for (const flow of [...gre(pair), ...vxlan(pair)]) expect(carry(flow)).toBe("protected, delivered");
  });

  test("the peer answers with a proposal that was not offered: it is told to delete what it made", () => {
    const { one } = ends({ network: () => [] });
    one.configure(facing(a));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    puppet.answerAuth((payloads) =>
      payloads.map((payload) =>
        payload.kind === "SA"
          ? { ...payload, proposals: payload.proposals.map((proposal) => ({ ...proposal, protocolId: 2 })) }
          : payload,
      ),
    );
    expect(find(puppet.open(puppet.received()), "D")?.spis).toHaveLength(1);
    expect(larval(one)).toBe(0);
    expect(one.peer().children[0]).toMatchObject({ state: "locked", reason: { code: "proposal-not-offered" } });
  });
});

describe("that packets must not be padded beyond RFC 4303 2.4, which Linux would not take off", () => {
  test.each([
    ["esp", true],
    ["ah", false],
  ] as const)("is said of %s: %s, by both ends", (protocol, said) => {
    const options = { ...(protocol === "ah" && { ah: ["sha256"] }), messages: oneByOne };
    const says = (payloads: readonly Payload[] = []) =>
      findNotify(payloads, notifyType.ESP_TFC_PADDING_NOT_SUPPORTED) !== undefined;

    const caller = ends({ network: () => [] }).one;
    caller.configure(facing(a, options));
    const called = new Puppet(caller, b, "responder");
    called.answerInit();
    const request = called.open(called.received());
    expect(find(request, "SA")).toBeDefined();
    expect(says(request)).toBe(said);

    const { one } = ends({ network: () => [] });
    one.configure(facing(a, { ...options, initiate: false }));
    const puppet = new Puppet(one, b, "initiator");
    puppet.init();
    const [asked] = peer(a, b, options).children;
    const response = puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads({ child: asked }));
    expect(find(response ?? [], "SA")).toBeDefined();
    expect(says(response)).toBe(said);
  });
});

describe("what a peer may ask for", () => {
  test("an SPI that it has given already: that pair goes, and the SA that stands stays", () => {
    const puppet = established();
    const before = standing(puppet.end);
    another(puppet, 0xabcd_0001);
    puppet.request(exchangeType.INFORMATIONAL, []);
    expect(standing(puppet.end)).toEqual(before);
    expect(policies(puppet.end).map(({ action }) => action.kind)).toEqual(["protected", "protected"]);
    expect(puppet.end.peer().children[0]?.sas).toHaveLength(1);
    expect(larval(puppet.end)).toBe(0);
  });

  test("an SPI for two children at once: the second goes, and the first stays", () => {
    const { one } = ends({ network: () => [] });
    one.configure(facing(a, { protect: [{ kind: "vxlan" }] }));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    puppet.answerAuth();
    const request = puppet.received();
    const nonce = { kind: "Nonce", data: Buffer.alloc(32, 5) } as const;
    puppet.answer(request, [...acceptChild(puppet.open(request)), nonce]);
    expect(one.peer().children.map(({ state }) => state)).toEqual(["up", "locked"]);
    expect(standing(one)).toHaveLength(2);
    expect(larval(one)).toBe(0);
  });

  test("a second thing before the first is answered: it is not heard until then", () => {
    const options: EndOptions = {};
    const { world, one } = ends({ one: options, network: () => [] });
    one.configure(facing(a, { initiate: false, messages: oneByOne }));
    const puppet = new Puppet(one, b, "initiator");
    puppet.init();
    puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads({ child }));
    options.kernelDelay = 100;
    expect(another(puppet, 0xabcd_0002)).toEqual([]);
    const early = puppet.seal(exchangeType.INFORMATIONAL, [deletion(0xabcd_0001)]);
    puppet.inject(early);
    expect(one.peer().children[0]?.sas).toHaveLength(1);
    world.run(1_000);
    expect(find(puppet.open(puppet.received()), "SA")).toBeDefined();
    expect(one.peer().children[0]?.sas).toHaveLength(2);
    puppet.inject(early);
    expect(one.peer().children[0]?.sas).toHaveLength(1);
  });

  test("an SPI again whose deletion the kernel answered too late: the new SA is not deleted in its place", () => {
    const { world, one } = ends({ network: () => [] });
    one.configure(facing(a, { initiate: false }));
    const puppet = new Puppet(one, b, "initiator");
    puppet.init();
    puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads({ child }));
    const itsOwn = (request: KernelRequest) => request.kind === "deleteSa" && request.sa.spi === 0xabcd_0001;
    one.kernel.failNext(itsOwn, "ETIMEDOUT", { carriedOut: true });
    puppet.request(exchangeType.INFORMATIONAL, [deletion(0xabcd_0001)]);
    another(puppet, 0xabcd_0001);
    world.run(5_000);
    expect(one.kernel.pendingFaults).toBe(0);
    expect(standing(one)).toHaveLength(2);
  });

  test("more and more pairs of one child: four at most", () => {
    const puppet = established();
    for (let n = 2; n <= 4; n += 1) expect(find(another(puppet, 0xabcd_0000 + n), "SA")).toBeDefined();
    expect(findNotify(another(puppet, 0xabcd_0005), notifyType.NO_ADDITIONAL_SAS)).toBeDefined();
    expect(standing(puppet.end)).toHaveLength(8);
    puppet.request(exchangeType.INFORMATIONAL, [deletion(0xabcd_0001, 0xabcd_0002, 0xabcd_0003)]);
    expect(standing(puppet.end)).toHaveLength(2);
    expect(policies(puppet.end).map(({ action }) => action.kind)).toEqual(["protected", "protected"]);
    puppet.request(exchangeType.INFORMATIONAL, [deletion(0xabcd_0004)]);
    expect(standing(puppet.end)).toEqual([]);
    expect(policies(puppet.end).map(({ action }) => action.kind)).toEqual(["locked", "locked"]);
  });

  test("the deletion of a child that nobody knows: acknowledged, nothing changes", () => {
    const puppet = established();
    const before = JSON.stringify(puppet.end.engine.status());
    expect(puppet.request(exchangeType.INFORMATIONAL, [deletion(0xdddd_0001)])).toEqual([]);
    expect(JSON.stringify(puppet.end.engine.status())).toBe(before);
  });

  test("the deletion of a child: the answer names our half, both are gone", () => {
    const puppet = established();
    const spiIn = puppet.end.peer().children[0]?.sas[0]?.spiIn;
    const [answer] = puppet.request(exchangeType.INFORMATIONAL, [deletion(0xabcd_0001)]) ?? [];
    const ours = answer?.kind === "D" ? answer.spis.map(spiNumber) : [];
    expect(ours).toEqual([Number.parseInt(spiIn ?? "", 16)]);
    expect(standing(puppet.end)).toEqual([]);
  });

  test("its deletion while ours for the same child is on its way: no error, both are gone, once", () => {
    const puppet = established();
    const [sa] = standing(puppet.end);
    if (sa === undefined) throw new Error("no SA");
    puppet.end.handle({ kind: "kernel", event: { kind: "expire", sa, hard: true, reqid: sa.reqid } });
    const ours = puppet.received();
    expect(find(puppet.open(ours), "D")?.spis).toHaveLength(1);
    expect(puppet.request(exchangeType.INFORMATIONAL, [deletion(0xabcd_0001)])).toEqual([]);
    puppet.answer(ours, []);
    expect(puppet.end.peer()).toMatchObject({ state: "up", children: [{ state: "locked", sas: [] }] });
    expect(standing(puppet.end)).toEqual([]);
    expect(puppet.end.log.filter(({ event }) => event === "child-sa-down")).toHaveLength(1);
  });
});
