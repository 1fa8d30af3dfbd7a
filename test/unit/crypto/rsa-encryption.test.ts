import { constants, generateKeyPairSync, publicEncrypt } from "node:crypto";
import { expect, test } from "vitest";
import { privateKeyOf } from "../../../src/crypto/signature/private-key.ts";
import { encryptFor } from "../../../src/crypto/signature/rsa-encryption.ts";

const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = privateKeyOf(pair.privateKey);

/** Raw RSA of a block of the test's own making. */
function encryptRaw(block: Uint8Array): Buffer {
  return publicEncrypt({ key: pair.publicKey, padding: constants.RSA_NO_PADDING }, block);
}

function blockOf(first: readonly number[], padding: number, separator: number, rest: Uint8Array): Buffer {
  const block = Buffer.alloc(256, 0xaa);
  block.set(first);
  block[2 + padding] = separator;
  block.set(rest, 3 + padding);
  return block;
}

test("what is encrypted for a key can be read with it, whatever its length", () => {
  for (const length of [0, 1, 32, 245]) {
    const plaintext = Buffer.alloc(length, 7);
    expect(Buffer.from(key.decrypt(encryptFor(key.publicKey, plaintext)))).toEqual(plaintext);
  }
  const foreign = publicEncrypt({ key: pair.publicKey, padding: constants.RSA_PKCS1_PADDING }, Buffer.from("nonce"));
  expect(Buffer.from(key.decrypt(foreign)).toString()).toBe("nonce");
});

test("the least padding is eight octets", () => {
  const rest = Buffer.alloc(256 - 11, 7);
  expect(key.decrypt(encryptRaw(blockOf([0, 2], 8, 0, rest)))).toHaveLength(rest.length);
  expect(key.decrypt(encryptRaw(blockOf([0, 2], 7, 0, Buffer.alloc(256 - 10, 7))))).toHaveLength(32);
});

test.each([
  ["another block type", blockOf([0, 1], 20, 0, Buffer.alloc(200, 7))],
  ["a first octet that is not zero", blockOf([1, 2], 20, 0, Buffer.alloc(200, 7))],
  ["no octet of zero", Buffer.concat([Buffer.from([0, 2]), Buffer.alloc(254, 0xaa)])],
])("%s: always the same 32 octets, which nobody else can foresee, and no error", (_, block) => {
  const ciphertext = encryptRaw(block);
  const first = Buffer.from(key.decrypt(ciphertext));
  expect(first).toHaveLength(32);
  expect(Buffer.from(key.decrypt(ciphertext))).toEqual(first);
  const other = privateKeyOf(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);
  expect(Buffer.from(other.decrypt(ciphertext))).not.toEqual(first);
});

test("a number that is not below the modulus, and a text of another length", () => {
  for (const length of [255, 256, 257]) expect(key.decrypt(Buffer.alloc(length, 0xff))).toHaveLength(32);
});
