import { createSocket } from "node:dgram";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import {
  allocSpi,
  deletePolicies,
  deleteSas,
  delPolicy,
  delSa,
  dumpPolicies,
  dumpSas,
  getLink,
  getPolicy,
  getSa,
  getSadInfo,
  getSpdInfo,
  NetlinkError,
  NetlinkSocket,
  newAddress,
  newLink,
  newPolicy,
  newSa,
  type PolicyInput,
  type Request,
  type SourceEvent,
  setHashThresholds,
  setLink,
  updPolicy,
  watchXfrm,
  type XfrmEvent,
} from "../../../../src/netlink-xfrm/index.ts";
import { inNamespace, until } from "../namespace.ts";

const gre: PolicyInput = {
  selector: { source: "10.0.0.1", destination: "10.0.0.2", protocol: 47 },
  direction: "out",
  action: "block",
  priority: 1000,
};
const many = (count: number): Request<void>[] =>
  Array.from({ length: count }, (_, i) =>
    newPolicy({ ...gre, selector: { source: "10.0.0.1", destination: `10.1.${i >> 8}.${i & 255}` } }),
  );

function refusal(act: () => unknown): NetlinkError {
  try {
    act();
  } catch (error) {
    if (error instanceof NetlinkError) return error;
    throw error;
  }
  throw new Error("the kernel did not refuse");
}

inNamespace("XFRM requests on this kernel", () => {
  it("adds a policy, refuses a second, changes it in place, deletes it", () => {
    const xfrm = NetlinkSocket.xfrm();
    xfrm.request(newPolicy(gre));
    const { index } = xfrm.request(getPolicy({ ...gre, index: 0 }));
    expect(index & 7).toBe(1);

    const second = refusal(() => xfrm.request(newPolicy({ ...gre, priority: 5 })));
    expect(second).toMatchObject({ errno: 17, code: "EEXIST", request: "XFRM_MSG_NEWPOLICY" });

    xfrm.request(updPolicy({ ...gre, action: "allow", templates: [{ protocol: "esp", mode: "transport", reqid: 7 }] }));
    expect(xfrm.request(getPolicy({ direction: "out", index }))).toMatchObject({
      action: "allow",
      priority: 1000,
      index,
      templates: [{ reqid: 7, family: 2 }],
    });

    xfrm.request(delPolicy({ direction: "out", index }));
    expect(refusal(() => xfrm.request(getPolicy({ direction: "out", index }))).code).toBe("ENOENT");
    xfrm.close();
  });

  it("says in the kernel's words why it refuses", () => {
    const xfrm = NetlinkSocket.xfrm();
    const error = refusal(() =>
      xfrm.request(
        newSa({
          source: "10.0.0.1",
          destination: "10.0.0.2",
          spi: 0x1234,
          protocol: "esp",
          mode: "tunnel",
          crypt: { name: "cbc(nonesuch)", key: Uint8Array.of(0x5a, 0x5b, 0x5c) },
          authTrunc: { name: "hmac(sha1)", key: new Uint8Array(20), truncationBits: 96 },
        }),
      ),
    );
    expect(error).toMatchObject({ code: "ENOSYS", sentence: "Requested CRYPT algorithm not found" });
    expect(error.message).toBe("XFRM_MSG_NEWSA: ENOSYS: Requested CRYPT algorithm not found");
    expect(JSON.stringify(error)).not.toMatch(/90|5a/);
    xfrm.close();
  });

  it("reserves SPIs, finds them by a filter of the kernel's, deletes them", async () => {
    const xfrm = NetlinkSocket.xfrm();
    const ends = { source: "10.0.0.1", protocol: "esp", mode: "tunnel" } as const;
    const range = { min: 0xc0000000, max: 0xc0ffffff };
    const spis = [1, 2, 3].map((reqid) => {
      const sa = xfrm.request(allocSpi({ ...ends, destination: `10.9.0.${reqid}`, reqid, ...range }));
      expect(sa).toMatchObject({ reqid, destination: `10.9.0.${reqid}` });
      expect(sa.spi).toBeGreaterThanOrEqual(range.min);
      expect(sa.spi).toBeLessThanOrEqual(range.max);
      return sa.spi;
    });
    xfrm.request(allocSpi({ ...ends, destination: "10.8.0.1", protocol: "ah", ...range }));

    expect(xfrm.dump(dumpSas()).length).toBe(4);
    expect(xfrm.dump(dumpSas({ protocol: "ah" })).map(({ destination }) => destination)).toEqual(["10.8.0.1"]);
    const net = { destination: "10.9.0.0", destinationPrefix: 16 };
    expect(
      xfrm
        .dump(dumpSas(net))
        .map(({ spi }) => spi)
        .sort(),
    ).toEqual([...spis].sort());
    expect(xfrm.request(getSadInfo()).count).toBe(4);

    const [first = 0] = spis;
    expect(xfrm.request(getSa({ destination: "10.9.0.1", spi: first, protocol: "esp" })).reqid).toBe(1);
    xfrm.request(delSa({ destination: "10.9.0.1", spi: first, protocol: "esp" }));
    expect(await deleteSas(xfrm, net, (sa) => sa.reqid === 2)).toEqual({ deleted: 1, missing: 0, failed: [] });
    expect(xfrm.dump(dumpSas()).map(({ protocol, reqid }) => [protocol, reqid])).toEqual(
      expect.arrayContaining([
        ["esp", 3],
        ["ah", 0],
      ]),
    );
    expect((await deleteSas(xfrm, {}, () => true)).deleted).toBe(2);
    xfrm.close();
  });

  it("carries out a batch whatever becomes of single requests, and lists without holding up the event loop", async () => {
    const xfrm = NetlinkSocket.xfrm();
    const requests = many(2000);
    requests.splice(700, 0, newPolicy({ ...gre, direction: 9 }), ...many(1));
    const results = xfrm.batch(requests);
    expect(results.length).toBe(2002);
    const failed = results.flatMap((result, i) => (result.ok ? [] : [[i, result.error.code, result.error.sentence]]));
    expect(failed).toEqual([
      [700, "EINVAL", "Invalid policy direction"],
      [701, "EEXIST", undefined],
    ]);

    let turns = 0;
    let reading = true;
    const listing = xfrm.dumpAsync(dumpPolicies()).finally(() => {
      reading = false;
    });
    while (reading) {
      turns++;
      await turn();
    }
    expect((await listing).length).toBe(2000);
    expect(turns).toBeGreaterThan(5);
    expect(xfrm.request(getSpdInfo()).counts).toMatchObject({ out: 2000 });

    const report = await deletePolicies(xfrm, ({ selector }) => selector.destination?.endsWith(".77") === false);
    expect(report).toEqual({ deleted: 1992, missing: 0, failed: [] });
    expect(xfrm.dump(dumpPolicies()).length).toBe(8);
    expect((await deletePolicies(xfrm, () => true)).deleted).toBe(8);
    xfrm.close();
  });

  it("changes the hash thresholds and refuses impossible ones", () => {
    const xfrm = NetlinkSocket.xfrm();
    xfrm.request(setHashThresholds({ ipv4Threshold: { localBits: 16, remoteBits: 24 } }));
    expect(xfrm.request(getSpdInfo()).ipv4Threshold).toEqual({ localBits: 16, remoteBits: 24 });
    const wrong = setHashThresholds({ ipv4Threshold: { localBits: 33, remoteBits: 0 } });
    expect(refusal(() => xfrm.request(wrong)).code).toBe("EINVAL");
    xfrm.close();
  });

  it("does not wait for ever for an answer that does not come, and goes on afterwards", () => {
    const xfrm = NetlinkSocket.xfrm({ timeoutMs: 50 });
    // A request that says it wants a reply asks for no ACK, and this one gets no reply.
    const silent = { ...newPolicy(gre), reply: { type: 99, read: () => undefined } };
    const start = performance.now();
    expect(refusal(() => xfrm.request(silent))).toMatchObject({ code: "ETIMEDOUT" });
    expect(performance.now() - start).toBeLessThan(500);
    xfrm.request(delPolicy(gre));
    xfrm.close();
    xfrm.close();
    expect(() => xfrm.request(delPolicy(gre))).toThrow("closed");
  });
});

type Heard = XfrmEvent | SourceEvent;
const kinds = (heard: readonly Heard[]): string[] => heard.map(({ kind }) => kind);

inNamespace("XFRM events on this kernel", () => {
  it("hears an ACQUIRE with the packet's ports while the event loop goes on", async () => {
    const route = NetlinkSocket.route();
    route.request(newLink({ name: "a0", info: { kind: "veth" } }));
    const index = route.request(getLink({ name: "a0" })).index;
    route.request(newAddress({ index, local: "10.0.0.1", prefix: 24 }));
    route.request(setLink({ index, up: true }));
    route.close();

    const heard: Heard[] = [];
    const events = watchXfrm({ groups: ["acquire", "policy"] }, (event) => heard.push(event));
    const xfrm = NetlinkSocket.xfrm();
    xfrm.request(
      newPolicy({
        selector: { destination: "10.0.0.0", destinationPrefix: 16, protocol: 17 },
        direction: "out",
        priority: 7,
        templates: [{ protocol: "esp", mode: "transport", reqid: 77 }],
      }),
    );
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 5);
    const udp = createSocket("udp4");
    udp.on("error", () => {});
    udp.send("x", 4789, "10.0.0.9", () => {});
    await until(() => kinds(heard).includes("acquire"), "ACQUIRE");
    await sleep(100);
    clearInterval(ticking);
    udp.close();
    expect(ticks).toBeGreaterThan(4);
    expect(kinds(heard)).toEqual(["policy-added", "acquire"]);
    expect(heard[1]).toMatchObject({
      acquire: {
        destination: "10.0.0.9",
        protocol: "esp",
        selector: { destination: "10.0.0.9", protocol: 17, destinationPort: 4789 },
        policy: { priority: 7 },
        templates: [{ reqid: 77, mode: "transport" }],
      },
    });

    events.close();
    events.close();
    xfrm.request(newPolicy(gre));
    await sleep(30);
    expect(heard.length).toBe(2);
    await deletePolicies(xfrm, () => true);
    xfrm.close();
  });

  it("says that events were lost, once, and goes on with those that were kept", async () => {
    const heard: Heard[] = [];
    const events = watchXfrm({ groups: ["policy"], receiveBuffer: 32 * 1024 }, (event) => heard.push(event));
    const xfrm = NetlinkSocket.xfrm();
    expect(xfrm.batch(many(2000)).every(({ ok }) => ok)).toBe(true);
    await until(() => kinds(heard).includes("overrun"), "overrun");
    await sleep(50);
    expect(kinds(heard).filter((kind) => kind === "overrun")).toHaveLength(1);
    const before = heard.length;
    expect(before).toBeLessThan(2000);

    xfrm.request(newPolicy(gre));
    await until(() => heard.length > before, "event after the overrun");
    expect(heard.at(-1)).toMatchObject({ kind: "policy-added", policy: { selector: { protocol: 47 } } });
    events.close();
    await deletePolicies(xfrm, () => true);
    xfrm.close();
  });

  it("reads a flood of events in portions between which other work is done", async () => {
    let longest = 0;
    let count = 0;
    let inOneTurn = 0;
    let last = -1;
    let turnNumber = 0;
    const events = watchXfrm({ groups: ["policy"] }, () => {
      count++;
      if (last !== turnNumber) inOneTurn = 0;
      last = turnNumber;
      inOneTurn++;
      longest = Math.max(longest, inOneTurn);
    });
    const xfrm = NetlinkSocket.xfrm();
    xfrm.batch(many(1000));
    while (count < 1000) {
      turnNumber++;
      await turn();
    }
    expect(longest).toBeLessThanOrEqual(64);
    events.close();
    await deletePolicies(xfrm, () => true);
    xfrm.close();
  });

  it("can be closed from within its listener", async () => {
    let count = 0;
    const events = watchXfrm({ groups: ["policy"] }, () => {
      count++;
      events.close();
    });
    const xfrm = NetlinkSocket.xfrm();
    xfrm.batch(many(10));
    await sleep(50);
    expect(count).toBe(1);
    await deletePolicies(xfrm, () => true);
    xfrm.close();
  });
});
