import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CaptureWriter } from "../../../src/capture/writer.ts";
import { captureFolder } from "../decode/open-capture.ts";
import { recorded } from "../engine/recorded.ts";
import { run, underlock } from "./command.ts";
import { called } from "./in-process.ts";

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
}, 120_000);

it("takes several pre-shared keys, and never the capture's name for one", async () => {
  const { messages, privateValue } = recorded("v1-main-psk");
  const end = { address: Uint8Array.of(10, 0, 3, 1), port: 500 };
  const writer = new CaptureWriter();
  for (const { octets } of messages) writer.udp(0, { source: end, destination: end, data: octets });
  const file = join(folder, "several.pcap");
  writeFileSync(file, writer.file());
  const secret = privateValue.toString("hex");
  const ended = await called([
    "decode",
    "--brief",
    "--dh-private",
    secret,
    "--psk",
    "BBBB",
    "--psk",
    "AAAA",
    "--psk",
    "CCCC",
    file,
  ]);
  expect(ended).toMatchObject({ status: 0, stderr: "" });
  expect(ended.stdout).toContain("the IPsec SA's keys were derived");
}, 120_000);

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
}, 120_000);

it("ends without a word when nobody reads on", async () => {
  const main = new URL("../../../src/cli/main.ts", import.meta.url).pathname;
  const capture = `${captureFolder}ndpi/ipsec_isakmp_esp.pcap`;
  const piped = `set -o pipefail; '${process.execPath}' --import tsx '${main}' decode '${capture}' | head -1`;
  const { status, stdout, stderr } = await run("bash", ["-c", piped]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^ +1 {2}\S/);
}, 120_000);

/** A capture of AES-256-GCM without the keys that stand beside it in its folder. */
function copied(name = "wireshark/ikev2-decrypt-aes256gcm16.pcap"): string {
  const file = join(folder, "copied.pcap");
  copyFileSync(`${captureFolder}${name}`, file);
  return file;
}

const sidecar = `${captureFolder}wireshark/ikev2-decrypt-aes256gcm16.pcap.keys.json`;

function written(name: string, content: string | Buffer): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

describe("underlock decode with keys", () => {
  const sa = JSON.parse(readFileSync(sidecar, "utf8")).sas[0] as Record<string, string>;
  const line = (keyI: string | undefined, cipher = "AES-GCM-256 with 16 octet ICV [RFC5282]") =>
    `${sa.spiI},${sa.spiR},${keyI},${sa.SK_er},"${cipher}",,,"NONE [RFC4306]"\n`;

  it.each([
    ["a sidecar", () => sidecar],
    ["Wireshark's ikev2_decryption_table", () => written("ikev2_decryption_table", line(sa.SK_ei))],
  ])(
    "opens with %s what is closed without",
    async (_, keys) => {
      const file = copied();
      const closed = await called(["decode", "--brief", file]);
      expect(closed).toMatchObject({ status: 0, stderr: "" });
      expect(closed.stdout).toMatch(/IKE_AUTH request 1: SK \(no key\)\n/);
      const opened = await called(["decode", "--brief", file, "--keys", keys()]);
      expect(opened).toMatchObject({ status: 0, stderr: "" });
      expect(opened.stdout).toMatch(/IKE_AUTH request 1: SK\{IDi, .*AUTH, SA, TSi, TSr/);
      expect(opened.stdout).not.toContain("no key");
    },
    120_000,
  );

  it("says of another SA's keys that the integrity check fails", async () => {
    const keys = written("wrong", line(`00000000${sa.SK_ei?.slice(8)}`));
    const { status, stdout } = await called(["decode", "--brief", copied(), "--keys", keys]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/IKE_AUTH request 1: SK\n +\* the integrity check fails: the keys are another SA's/);
  }, 120_000);

  it.each([
    ["a key of the wrong length", line("00".repeat(35)), /line 1: no cipher "AES-GCM-256 .*" with a key of 35 octets/],
    ["a key of one end that is too short", line(sa.SK_ei).replace(`${sa.SK_er}`, "00"), /line 1: SK_er has 1 octets/],
    ["columns that are missing", "a,b,c\n", /line 1: 3 columns: neither ikev2_decryption_table \(8\)/],
    ["JSON that ends too early", '{"sas": [', /Unexpected end of JSON|Expected/],
    ["an SA without a key", '{"sas": [{"spiI": "00", "spiR": "00"}]}', /an entry of sas lacks spiI, spiR, SK_ei or/],
  ])(
    "ends with 2 for %s, and says where",
    async (_, content, sentence) => {
      const keys = written("bad.keys", content);
      const { status, stdout, stderr } = await called(["decode", copied(), "--keys", keys]);
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toMatch(sentence);
      expect(stderr).toContain(keys);
    },
    120_000,
  );

  it("leaves out an SA of a cipher that is not known, says so, and opens the others", async () => {
    const other = `${"11".repeat(8)}${line("00".repeat(36), "ROT-13").slice(16)}`;
    const keys = written("mixed.keys", other + line(sa.SK_ei));
    const { status, stdout, stderr } = await called(["decode", "--brief", copied(), "--keys", keys]);
    expect(status).toBe(0);
    expect(stderr).toBe(`underlock: ${keys}: line 1: no cipher "ROT-13" is known: its packets stay closed\n`);
    expect(stdout).toMatch(/IKE_AUTH request 1: SK\{IDi, .*AUTH, SA, TSi, TSr/);
  }, 120_000);

  it.each([
    ["no integrity algorithm", "NONE [RFC4306]"],
    ["one that is not to be checked", "ANY 128 bits of Authentication [No Checking]"],
  ])(
    "opens AES-CBC with %s, and says that nothing was checked",
    async (_, integrity) => {
      const name = "wireshark/ikev2-decrypt-aes256cbc.pcapng";
      const [cbc] = JSON.parse(readFileSync(`${captureFolder}${name}.keys.json`, "utf8")).sas as Record<
        string,
        string
      >[];
      const cells = [cbc?.spiI, cbc?.spiR, cbc?.SK_ei, cbc?.SK_er, "AES-CBC-256 [RFC3602]", "", "", `"${integrity}"`];
      const keys = written("unchecked.keys", `${cells.join(",")}\n`);
      const { status, stdout } = await called(["decode", "--brief", copied(name), "--keys", keys]);
      expect(status).toBe(0);
      expect(stdout).toMatch(
        /IKE_AUTH request 1: SK\{IDi, .*AUTH, SA, TSi, TSr.*\}\n +\* the integrity is not checked: no SK_a is given\n/,
      );
    },
    120_000,
  );

  it("goes on with a file that has no keys, and says so", async () => {
    const keys = written("none.json", '{"other": 1}');
    const { status, stdout, stderr } = await called(["decode", "--brief", copied(), "--keys", keys]);
    expect(status).toBe(0);
    expect(stdout).toContain("IKE_AUTH request 1: SK (no key)");
    expect(stderr).toBe(`underlock: ${keys} has no keys that are known here\n`);
  }, 120_000);
});

describe("underlock decode of what is damaged", () => {
  const long = readFileSync(`${captureFolder}ndpi/ipsec_isakmp_esp.pcap`);
  const recordedCapture = readFileSync(`${captureFolder}wireshark/ikev2-decrypt-aes256gcm16.pcap`);

  it.each([
    ["that ends within a packet", recordedCapture.subarray(0, -30), "the file ends within a packet: "],
    ["compressed, that ends too early", gzipSync(recordedCapture).subarray(0, -60), "the file ends within a packet: "],
    [
      "compressed, and changed",
      Buffer.concat([gzipSync(long).subarray(0, -60), Buffer.alloc(60, 0xff)]),
      "what is compressed in it is damaged (Z_DATA_ERROR)",
    ],
  ])(
    "a file %s: what came before stands, and it is said",
    async (_, content, sentence) => {
      const file = written("damaged.pcap", content);
      const { status, stdout, stderr } = await called(["decode", "--brief", file]);
      expect(stderr).toContain(`underlock: ${file}: ${sentence}`);
      expect(status).toBe(0);
      expect(stdout).toMatch(/^ +1 {2}\S/);
    },
    120_000,
  );

  it.each([
    ["an empty file", "", 2, "not a capture: neither pcap, pcapng, snoop nor a hex dump"],
    ["text", "hello, nothing here\n", 2, "not a capture: neither pcap, pcapng, snoop nor a hex dump"],
    ["the head of a capture alone", recordedCapture.subarray(0, 24), 1, "no IKE, ESP or AH in the 0 packets"],
    ["half of its head", recordedCapture.subarray(0, 12), 2, "the file ends within a packet"],
  ])(
    "%s",
    async (_, content, ended, sentence) => {
      const { status, stdout, stderr } = await called(["decode", written("nothing.pcap", content)]);
      expect({ status, stdout }).toEqual({ status: ended, stdout: "" });
      expect(stderr).toContain(sentence);
    },
    120_000,
  );

  it("packets of a link that is not known, and fragments that are not whole, are said", async () => {
    const unknown = Buffer.from(recordedCapture);
    unknown.writeUInt32LE(127, 20);
    const { status, stderr } = await called(["decode", written("radio.pcap", unknown)]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/radio\.pcap: 6 packets of link type 127 .*, which is not read; possible are Ethernet/);
    const writer = new CaptureWriter();
    const end = { address: Uint8Array.of(192, 0, 2, 1), port: 500 };
    writer.udp(0, { source: end, destination: end, data: Buffer.alloc(64) });
    const fragment = Buffer.from(writer.file());
    // IPv4's flags: more fragments.
    const headerAt = fragment.length - 64 - 8 - 20;
    fragment.writeUInt16BE(0x2000, headerAt + 6);
    const missing = await called(["decode", written("fragment.pcap", fragment)]);
    expect(missing.stderr).toContain("a packet in IP fragments is not whole");
    expect(missing.stderr).toContain("no IKE, ESP or AH in the one packet of");
  }, 120_000);
});

describe("underlock decode draws", () => {
  it.each([["--brief"], ["--ladder"], ["--svg", "drawn.svg"], ["--html", "drawn.html"]])(
    "and refuses --json beside %s, which asks for another form",
    async (option, ...value) => {
      const { status, stdout, stderr } = await called(["decode", copied(), "--json", option, ...value]);
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toContain(`option '--json' cannot be used with option '`);
      expect(stderr).toContain(option);
    },
    120_000,
  );

  it("with --ladder in text, with --svg and --html into files", async () => {
    const [svg, html] = [join(folder, "drawn.svg"), join(folder, "drawn.html")];
    const capture = `${captureFolder}scapy/ikev2_notify_redirect.pcap`;
    const { status, stdout, stderr } = await called(["decode", capture, "--ladder", "--svg", svg, "--html", html]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^ +10\.5\.2\.60 +10\.5\.2\.52 +10\.5\.2\.53\n/);
    expect(stdout).toMatch(/0\.024 ! \|<-+\|\n +\| NO_PROPOSAL_CHOSEN/);
    for (const file of [svg, html]) expect(readFileSync(file, "utf8")).toContain(">NO_PROPOSAL_CHOSEN</text>");
    expect(readFileSync(html, "utf8")).toMatch(/^<!doctype html>/);
  }, 120_000);

  it("and says where it cannot write", async () => {
    const { status, stderr } = await called(["decode", copied(), "--html", "/dev/null/drawn.html"]);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: "underlock: cannot write /dev/null/drawn.html: ENOTDIR\n",
    });
  }, 120_000);
});

describe("underlock explain", () => {
  it("says of a capture what it came to", async () => {
    const { status, stdout } = await called(["explain", `${captureFolder}scapy/ikev2_notify_redirect.pcap`]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^IKEv2 88694881497528ad: 10\.5\.2\.60 to 10\.5\.2\.52, 2 messages\n/);
    expect(stdout).toContain("  IKE_SA_INIT 0: 10.5.2.53 refused with NO_PROPOSAL_CHOSEN.\n");
    expect(stdout).toContain("  Either 10.5.2.60 adds what 10.5.2.53 is configured with, or ");
  }, 120_000);

  it.each([
    [["explain"], 2, "explain takes a capture, or --live and the name of a peer"],
    [["explain", "no-such-file"], 2, "cannot read no-such-file: ENOENT"],
    [["explain", `${captureFolder}zeek/ip6_esp.pcap`], 1, "no IKE message that can be read in"],
    [["explain", "--live", "b", "--socket", "/nowhere/control.sock"], 1, "no underlock daemon answers"],
  ])(
    "%j",
    async (words, ended, sentence) => {
      const { status, stdout, stderr } = await called(words);
      expect({ status, stdout }).toEqual({ status: ended, stdout: "" });
      expect(stderr).toContain(sentence);
    },
    120_000,
  );
});
