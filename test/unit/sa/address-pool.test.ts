import { describe, expect, test } from "vitest";
import { AddressPools } from "../../../src/sa/address-pool.ts";

const pool = (address: string, length: number) => ({ peer: "road", prefix: { address, length } });
const small = pool("10.9.0.0", 30);

describe("addresses of a pool", () => {
  test("each caller its own, the same one as long as somebody holds it, and no more than there are", () => {
    const pools = new AddressPools();
    const [one, two, three] = [{}, {}, {}];
    expect(pools.take(small, "alice", one)).toBe("10.9.0.1");
    expect(pools.take(small, "bob", two)).toBe("10.9.0.2");
    expect(pools.take(small, "alice", three)).toBe("10.9.0.1");
    expect(pools.take(small, "carol", {})).toBeUndefined();
    pools.giveBack(one);
    expect(pools.take(small, "carol", {})).toBeUndefined();
    pools.giveBack(three);
    expect(pools.take(small, "carol", {})).toBe("10.9.0.1");
  });

  test("what is wished for, where it is free and in the pool", () => {
    const pools = new AddressPools();
    const wide = pool("10.9.0.0", 16);
    expect(pools.take(wide, "alice", {}, "10.9.200.7")).toBe("10.9.200.7");
    expect(pools.take(wide, "bob", {}, "10.9.200.7")).toBe("10.9.0.1");
    for (const outside of ["10.8.0.1", "10.10.0.1", "10.9.0.0", "10.9.255.255", "2001:db8::1"])
      expect(pools.take(wide, outside, {}, outside)).not.toBe(outside);
  });

  test("what has just become free is not given to the next one at once", () => {
    const pools = new AddressPools();
    const first = {};
    expect(pools.take(pool("10.9.0.0", 29), "alice", first)).toBe("10.9.0.1");
    pools.giveBack(first);
    expect(pools.take(pool("10.9.0.0", 29), "bob", {})).toBe("10.9.0.2");
  });

  test("one address, two, and those of IPv6", () => {
    const pools = new AddressPools();
    expect(pools.take(pool("10.9.0.7", 32), "alice", {})).toBe("10.9.0.7");
    const pair = [pools.take(pool("10.7.0.0", 31), "a", {}), pools.take(pool("10.7.0.0", 31), "b", {})];
    expect(pair).toEqual(["10.7.0.0", "10.7.0.1"]);
    expect(pools.take(pool("2001:db8:1::", 64), "alice", {})).toBe("2001:db8:1::1");
  });

  test("what is shared stays with who inherits it", () => {
    const pools = new AddressPools();
    const [old, heir] = [{}, {}];
    pools.take(small, "alice", old);
    pools.share(old, heir);
    pools.giveBack(old);
    expect(pools.take(small, "bob", {}, "10.9.0.1")).toBe("10.9.0.2");
    expect(pools.take(small, "alice from elsewhere", heir)).toBe("10.9.0.1");
  });
});
