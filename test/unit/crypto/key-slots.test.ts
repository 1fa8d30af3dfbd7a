import { expect, test } from "vitest";
import { giveSlotBack, inSlot, slotLength, takeSlot } from "../../../src/crypto/key-slots.ts";
import { opensslKey } from "../../../src/crypto/provider.ts";
import { makeSkCipher } from "../../../src/crypto/sk-cipher.ts";
import { encrKeyLength } from "../../../src/crypto/transforms/encr.ts";
import { findTransform, transforms } from "../../../src/crypto/transforms.ts";

test("each key stays what it is, however many there are", () => {
  const slots = Array.from({ length: 1_500 }, (_, n) => takeSlot(Uint8Array.of(n >> 8, n & 255, 7)));
  expect(new Set(slots).size).toBe(slots.length);
  expect(slots.every((slot, n) => inSlot(slot, 0, 3).readUInt16BE() === n)).toBe(true);
  for (const slot of slots) giveSlotBack(slot);
});

test("what is given back is overwritten at once, and taken again", () => {
  const slot = takeSlot(Buffer.alloc(slotLength, 1));
  const view = inSlot(slot, 0, slotLength);
  giveSlotBack(slot);
  expect(view).toEqual(Buffer.alloc(slotLength));
  expect(takeSlot(Uint8Array.of(9))).toBe(slot);
  expect(inSlot(slot, 0, 2)).toEqual(Buffer.of(9, 0));
});

test("every cipher's key fits", () => {
  const lengths = transforms
    .filter((row) => row.type === "ENCR")
    .map((row) => opensslKey(row, new Uint8Array(encrKeyLength(row))).length);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(slotLength);
  expect(() => takeSlot(new Uint8Array(slotLength + 1))).toThrow(RangeError);
});

test("a cipher that is destroyed twice does not take another's key with it", () => {
  const row = findTransform("ENCR", 20, 128);
  if (row === undefined) throw new Error("AES-GCM is gone");
  const cipher = () => makeSkCipher(row, undefined, Buffer.alloc(encrKeyLength(row), 5), new Uint8Array(0));
  const iv = Buffer.alloc(row.ivLength);
  const first = cipher();
  const sealed = first.seal(new Uint8Array(0), iv, Buffer.from("words"));
  first.destroy();
  const second = cipher();
  first.destroy();
  expect(second.open(new Uint8Array(0), iv, sealed)).toEqual(Buffer.from("words"));
  second.destroy();
});
