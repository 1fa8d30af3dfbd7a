import { describe, expect, test } from "vitest";
import { Reader } from "../../../src/wire/reader.ts";
import { Writer } from "../../../src/wire/writer.ts";

const sample = Uint8Array.of(0x80, 0x01, 0xff, 0xfe, 0xfd, 0xfc, 0x00, 0x07, 0x99);

describe("a reader", () => {
  test("reads numbers in network order, unsigned", () => {
    expect(new Reader(sample).u16("x")).toBe(0x8001);
    expect(new Reader(sample).u32("x")).toBe(0x8001fffe);
    expect(new Reader(sample).u64("x")).toBe(0x8001fffefdfc0007n);
  });

  test("reads from the middle of a larger buffer", () => {
    const r = new Reader(sample.subarray(2, 8));
    expect([...r.bytes(2, "x")]).toEqual([0xff, 0xfe]);
    expect(r.u32("x")).toBe(0xfdfc0007);
    r.end();
  });

  test("says what it needed, where, and what was left", () => {
    const r = new Reader(sample.subarray(0, 5));
    r.trail.enter("SA", 0);
    r.trail.enter("proposal", 2);
    r.u16("first");
    expect(() => r.u32("second")).toThrow(
      expect.objectContaining({
        code: "truncated",
        path: "SA/proposal 2",
        offset: 2,
        message: "SA/proposal 2: second needs 4 octets, 3 left (octet 2)",
      }),
    );
  });

  test("does not leave the limit of a structure, and wants all of it read", () => {
    const r = new Reader(sample);
    const outer = r.narrow(3, "length");
    r.u16("x");
    expect(() => r.u16("y")).toThrow(expect.objectContaining({ code: "truncated" }));
    expect(() => r.widen(outer)).toThrow(expect.objectContaining({ code: "trailing", offset: 2 }));
    r.u8("z");
    r.widen(outer);
    expect(r.left).toBe(6);
    expect(() => r.narrow(7, "length")).toThrow(expect.objectContaining({ code: "truncated" }));
  });
});

describe("a writer", () => {
  test("writes what a reader reads", () => {
    const w = new Writer(64);
    w.u16(0x8001, "x");
    w.u32(0xfffefdfc, "x");
    w.u64(0x8001fffefdfc0007n, "x");
    w.bytes(sample);
    w.bytes(new Uint8Array(20).fill(7));
    expect(w.finish().toString("hex")).toBe(
      `8001fffefdfc8001fffefdfc0007${Buffer.from(sample).toString("hex")}${"07".repeat(20)}`,
    );
    expect(w.finish()).toHaveLength(0);
  });

  test("wipes what it has given out: plaintexts pass through it", () => {
    const w = new Writer(8);
    w.bytes(new Uint8Array(8).fill(0xff));
    w.finish();
    w.reserve16();
    expect(w.finish().toString("hex")).toBe("0000");
  });

  test("stays within its capacity", () => {
    const w = new Writer(4);
    w.u32(1, "x");
    expect(() => w.u8(1, "x")).toThrow(expect.objectContaining({ code: "unencodable", offset: 4 }));
  });

  test("refuses numbers that do not fit", () => {
    const w = new Writer(64);
    expect(() => w.u8(256, "x")).toThrow("x is 256, possible are 0 to 255");
    expect(() => w.u16(-1, "x")).toThrow("x is -1");
    expect(() => w.u32(2 ** 32, "x")).toThrow("x is 4294967296");
    expect(() => w.u64(2n ** 64n, "x")).toThrow("x does not fit 64 bits");
    expect(() => w.u8(Number.NaN, "x")).toThrow("x is NaN");
  });
});
