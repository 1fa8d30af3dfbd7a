import { describe, expect, test } from "vitest";
import { keTransforms } from "../../../src/crypto/transforms/ke.ts";
import { Admission, type Caller, keyExchangeCost } from "../../../src/engine/admission.ts";
import { floodDefaults } from "../../../src/sa/desired.ts";

const method = (keyword: string) => keTransforms.find((row) => row.keyword === keyword);
const x25519 = method("x25519");

/** Opens from one address after the other as long as it is admitted without a cookie; or with one. */
function open(
  admission: Admission,
  addresses: Iterable<string>,
  options: { proven?: boolean; configured?: boolean } = {},
) {
  let opened = 0;
  for (const address of addresses) {
    const caller = admission.caller(address, options.configured === true);
    const admittance = admission.judge(caller, 0);
    if (admittance === "full" || (admittance === "cookie" && options.proven !== true)) continue;
    admission.opened(caller, x25519, 0);
    opened += 1;
  }
  return opened;
}

/** How many key exchanges a caller has, one after the other, before it is refused; or `enough`. */
function spend(admission: Admission, caller: Caller, now: number, enough = 10_000): number {
  let spent = 0;
  for (; spent < enough && admission.judge(caller, now) !== "full"; spent += 1) {
    admission.opened(caller, x25519, now);
    admission.closed(caller);
  }
  return spent;
}

function* everywhere(count: number, step = 256): Generator<string> {
  for (let n = 0; n < count; n += 1) {
    const at = n * step;
    yield `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`;
  }
}

describe("spoofed callers, who never show a cookie", () => {
  test("open no more than the threshold in all, however many there are", () => {
    const admission = new Admission();
    expect(open(admission, everywhere(5_000))).toBe(floodDefaults.cookiesAbove);
    expect(admission.isUnderLoad).toBe(true);
  });

  test.each([
    ["IPv4 /24", everywhere(200, 1), ["10.0.1.1"]],
    ["IPv6 /56", Array.from({ length: 200 }, (_, n) => `2001:db8:0:${n.toString(16)}::${n}`), ["2001:db8:0:100::1"]],
  ])("and no more than a network's share from one %s, while its neighbour is served", (_, addresses, neighbour) => {
    const admission = new Admission();
    expect(open(admission, addresses)).toBe(floodDefaults.cookiesAboveByNetwork);
    expect(open(admission, neighbour)).toBe(1);
  });

  test("cookies are asked for of everybody where the file says so", () => {
    const admission = new Admission();
    admission.configure({ ...floodDefaults, cookiesAbove: 0 });
    expect(admission.judge(admission.caller("10.0.0.1", true), 0)).toBe("cookie");
  });
});

describe("callers that receive at their addresses", () => {
  test("fill no more than what is not kept for configured peers, whom they cannot shut out", () => {
    const admission = new Admission();
    expect(open(admission, everywhere(20_000), { proven: true })).toBe(floodDefaults.halfOpen * 0.75);
    expect(open(admission, everywhere(20_000), { proven: true, configured: true })).toBe(floodDefaults.halfOpen * 0.25);
    expect(open(admission, ["192.0.2.1"], { proven: true, configured: true })).toBe(0);
  });

  test("a configured peer's address has an account of its own, whatever its neighbours do", () => {
    const admission = new Admission();
    open(
      admission,
      [...everywhere(5_000, 1)].map((address) => address.replace(/^10\.\d+\.\d+/, "192.0.2")),
      { proven: true },
    );
    expect(admission.judge(admission.caller("192.0.2.77", false), 0)).toBe("full");
    expect(admission.judge(admission.caller("192.0.2.77", true), 0)).toBe("cookie");
  });

  test("of one network have a budget of key exchanges, which refills", () => {
    const admission = new Admission();
    open(admission, everywhere(300));
    const caller = admission.caller("172.16.0.1", false);
    expect(spend(admission, caller, 1_000)).toBe(floodDefaults.keyExchangesByNetwork * 2);
    expect(admission.judge(caller, 2_000)).toBe("cookie");
    expect(admission.judge(admission.caller("172.16.1.1", false), 1_000)).toBe("cookie");
  });

  test("are remembered twice as many as can be half open: who spent its budget before them is forgotten", () => {
    const admission = new Admission();
    open(admission, everywhere(floodDefaults.cookiesAbove));
    const spender = admission.caller("172.16.0.1", false);
    spend(admission, spender, 0);
    const others = [...everywhere(floodDefaults.halfOpen * 2)].map((address) => address.replace(/^10/, "11"));
    const half = others.length / 2;
    const come = (addresses: readonly string[]) => {
      for (const address of addresses) spend(admission, admission.caller(address, false), 0, 1);
    };
    come(others.slice(0, half));
    expect(admission.judge(spender, 0)).toBe("full");
    come(others.slice(half));
    expect(admission.judge(spender, 0)).toBe("cookie");
  });

  test("pay for what they ask: a costly method spends the budget sooner", () => {
    expect(keyExchangeCost(method("modp2048"))).toBe(10);
    expect(keyExchangeCost(method("modp4096"))).toBeGreaterThan(40);
    expect(keyExchangeCost(method("ecp384"))).toBeGreaterThan(2);
    for (const row of keTransforms) expect(keyExchangeCost(row)).toBeGreaterThanOrEqual(1);
  });

  test("leave nothing behind once they are gone and the load is over", () => {
    const admission = new Admission();
    const callers = [...everywhere(1_000)].map((address) => admission.caller(address, false));
    for (const caller of callers) admission.opened(caller, x25519, 0);
    for (const caller of callers) admission.closed(caller);
    expect(admission.isUnderLoad).toBe(false);
    for (const caller of callers) expect(admission.judge(caller, 0)).toBe("open");
  });
});
