import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { captureFolder } from "../decode/open-capture.ts";
import { recorded } from "../engine/recorded.ts";
import { underlock } from "./command.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "underlock-decode-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

it("prints what comes with the end of a file too: a pasted message", async () => {
  const [first] = recorded("v2-psk").messages;
  const file = join(folder, "pasted.txt");
  writeFileSync(file, `${first?.octets.toString("hex")}\n`);
  const ended = await underlock(["decode", "--brief", file]);
  expect(ended).toMatchObject({ status: 0, stderr: "" });
  expect(ended.stdout).toMatch(/^ +1 .*IKE_SA_INIT request 0: SA, KE, Nonce\n$/);
}, 30_000);

it("prints every line, in the order of the packets, of a capture of more than one block", async () => {
  const recordedCapture = readFileSync(`${captureFolder}ndpi/ipsec_isakmp_esp.pcap`);
  const file = join(folder, "three.pcap");
  const records = recordedCapture.subarray(24);
  writeFileSync(file, Buffer.concat([recordedCapture, records, records]));
  const { status, stdout } = await underlock(["decode", "--brief", file]);
  expect(status).toBe(0);
  const numbers = stdout.split("\n").flatMap((line) => /^ {0,4}(\d+) {2}\d/.exec(line)?.[1] ?? []);
  expect(stdout.length).toBeGreaterThan(3 * 65_536);
  expect(numbers).toEqual(Array.from({ length: 3 * 834 }, (_, index) => String(index + 1)));
}, 30_000);
