import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { underlock } from "./command.ts";
import { called } from "./in-process.ts";

const sources = new URL("../../../vectors/sources/", import.meta.url).pathname;
const hmac = `${sources}rfc/rfc4231-hmac-sha2.json`;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "underlock-vectors-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

describe("underlock vectors FILE", () => {
  it.each([
    ["of an RFC", "rfc/rfc4231-hmac-sha2.json", 21, "sha256 +RFC 4231"],
    ["of NIST", "nist/acvp-server-unit-tests.json", 9, "ikev1 keys, prfsha1 +NIST ACVP"],
    ["of known answers", "kat/dpdk-esp-ah-packets.json", 26, "esp, .* +DPDK"],
    ["of Wycheproof", "wycheproof/hmac_sha1_test.json", 170, "sha1.* +Wycheproof"],
    ["of recorded handshakes", "handshakes/rub-ike-handshakes.json", 18, "ikev1 keys, prfsha1 +RUB-NDS"],
  ])(
    "runs a file %s as it was found, and prints a line for each algorithm and source",
    async (_, name, passed, line) => {
      const { status, stdout, stderr } = await called(["vectors", `${sources}${name}`]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).toMatch(/^algorithm +source +passed +failed +not applicable\n/);
      expect(stdout).toMatch(new RegExp(`\\n${line} +\\d+ +0 +\\d+\\n`));
      expect(Number(/\n(\d+) passed, 0 failed/.exec(stdout)?.[1])).toBeGreaterThanOrEqual(passed);
    },
    120_000,
  );

  it("ends with 1 when a vector fails, names it with both values, and says why others are not applicable", async () => {
    const wrong = fileOf("wrong.json", readFileSync(hmac, "utf8").replace("b0344c61d8db", "c0344c61d8db"));
    const { status, stdout, stderr } = await underlock(["vectors", wrong]);
    expect(status).toBe(1);
    expect(stderr).toBe("underlock: 1 of 21 vectors failed\n");
    expect(stdout).toMatch(/wrong\.json 1 hmac_sha256 \(sha256\): got b0344c61d8db\w+, wanted c0344c61d8db/);
    expect(stdout).toContain("7 of RFC 4231, hmac_sha224: not in the table");
    const json = await called(["vectors", wrong, "--json"]);
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      totals: { passed: 20, failed: 1, notApplicable: 7 },
      failures: [{ name: "1 hmac_sha256", algorithm: "sha256" }],
    });
  }, 120_000);

  it("runs those alone that a filter names", async () => {
    const { status, stdout } = await called(["vectors", hmac, "--filter", "sha384"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/\n7 passed, 0 failed, 0 not applicable/);
    // As the table prints it, where the file has another name; and never in the octets of a key.
    const gcm = `${sources}wycheproof/chacha20_poly1305_test.json`;
    const printed = await called(["vectors", gcm, "--filter", "chacha20poly1305"]);
    expect(printed.stdout).toMatch(/\n316 passed, 0 failed, 9 not applicable/);
    const digits = await called(["vectors", hmac, "--filter", "0b0b"]);
    expect(digits).toMatchObject({ status: 2, stdout: "" });
    expect(digits.stderr).toContain('no vector has "0b0b" in its algorithm, name or source');
  }, 120_000);

  it.each([
    ["an empty file", "", "is not JSON: Unexpected end of JSON input"],
    ["one that ends too early", '{"cases": [{"key": "0b', "is not JSON: Unterminated string"],
    ["a list", "[]", "not an object with cases"],
    ["no cases that are known", "{}", "no cases in any of the layouts known"],
    ["our own schema without a case", '{"schema":"underlock-vectors-1","source":{"name":"me"},"cases":[]}', "is empty"],
  ])(
    "ends with 2 for %s",
    async (_, content, sentence) => {
      const { status, stdout, stderr } = await called(["vectors", fileOf("bad.json", content)]);
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toContain(sentence);
      expect(stderr).toContain("bad.json");
    },
    120_000,
  );

  it("never prints the control characters of a file that is no JSON", async () => {
    const { status, stderr } = await called(["vectors", fileOf("binary.json", "\u001b[31m\u0007{}")]);
    expect(status).toBe(2);
    expect(stderr.trimEnd()).toMatch(/^[\x20-\x7e]+$/);
  }, 120_000);
});

describe("underlock vectors derive", () => {
  const given = ["--ni", "00".repeat(16), "--nr", "0x11", "--spi-i", "0001020304050607", "--spi-r", "0".repeat(16)];

  it("prints each value by its name", async () => {
    const words = ["vectors", "derive", ...given, "--shared", "ab", "--ike", "aes128-sha1", "--esp", "aes128gcm16"];
    const { status, stdout, stderr } = await called(words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.split("\n").map((line) => line.replace(/ {2,}[0-9a-f]+$/, ""))).toEqual([
      ...["SKEYSEED", "SK_d", "SK_ai", "SK_ar", "SK_ei", "SK_er", "SK_pi", "SK_pr"],
      ...["KEYMAT initiator encryption", "KEYMAT responder encryption", ""],
    ]);
    const json = await called([...words, "--json"]);
    const values = JSON.parse(json.stdout);
    expect(stdout).toContain(`SK_ei ${" ".repeat(31)}${values.SK_ei}\n`);
  }, 120_000);

  it.each([
    [[], "required option '--shared <hex>' not specified"],
    [["--shared", "xy", "--ike", "aes128-sha1"], '--shared takes hex digits, two an octet, not "xy"'],
    [["--shared", "ab", "--ike", "aes128gcm16"], "names no PRF and implies none"],
    [["--shared", "ab", "--ike", "rot13-sha1"], '"rot13" in "rot13-sha1" is no algorithm that is known'],
    [["--shared", "ab", "--ike", "aes128-sha1", "--spi-r", "00"], "--spi-r has 1 octets, possible are 8"],
    [["--shared", "ab", "--ike", "aes128-sha1", "--ikev1", "--esp", "aes128-sha1"], "--esp-spi-i"],
  ])(
    "ends with 2 for %j",
    async (words, sentence) => {
      const { status, stdout, stderr } = await called(["vectors", "derive", ...given, ...words]);
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toContain(sentence);
    },
    120_000,
  );
});
