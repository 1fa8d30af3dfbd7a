import { describe, expect, it } from "vitest";
import type { Decoded } from "../../../src/decode/decoded.ts";
import type { Field } from "../../../src/decode/field.ts";
import { opened, valuesOf } from "./open-capture.ts";
import { captureOf, keptPrintOuts, payloadFields, printed, printOuts, valueAt } from "./print-outs.ts";

it("every print-out that is kept has its capture, and is compared here or among the others", () => {
  expect(Object.keys(printOuts).sort()).toEqual(keptPrintOuts());
});

const exchangeNames: Readonly<Record<string, string>> = {
  "phase 1 base": "BASE",
  "phase 1 ident": "IDENTITY_PROTECTION",
  "phase 1 agg": "AGGRESSIVE",
  "phase 2/others inf": "INFORMATIONAL",
  "phase 2/others oakley-quick": "QUICK_MODE",
  "phase 2/others #16": "exchange 16",
  "parent_sa ikev2_init": "IKE_SA_INIT",
  "parent_sa ikev2_auth": "IKE_AUTH",
  "child_sa ikev2_auth": "IKE_AUTH",
  "child_sa child_sa": "CREATE_CHILD_SA",
  "parent_sa inf2": "INFORMATIONAL",
};

/** tcpdump's packets, by number: their lines without indentation. */
function packetsIn(text: string): Map<number, string[]> {
  const packets = new Map<number, string[]>();
  let lines: string[] = [];
  for (const line of text.trimEnd().split("\n")) {
    const number = /^ {1,4}(\d+) {2}\d/.exec(line)?.[1];
    if (number !== undefined) {
      lines = [];
      packets.set(Number(number), lines);
    }
    lines.push(line.trim());
  }
  return packets;
}

/** The exchange of a message as tcpdump names it. */
function exchangeIn(packet: readonly string[]): string | undefined {
  const said =
    /isakmp(?: [\d.]+)?(?: msgid [0-9a-f]+)?(?: cookie [0-9a-f]+->[0-9a-f]+)?:? *(phase 1|phase 2\/others|parent_sa|child_sa) +(?:[IR?] )?([a-z0-9_#-]+)/.exec(
      packet.join(" "),
    );
  return said === null ? undefined : (exchangeNames[`${said[1]} ${said[2]}`] ?? `${said[1]} ${said[2]}`);
}

const ids: Readonly<Record<string, string>> = {
  "encr aes": "ENCR_AES_CBC",
  "encr 3des": "ENCR_3DES",
  "prf hmac-sha": "PRF_HMAC_SHA1",
  "prf hmac-md5": "PRF_HMAC_MD5",
  "prf aes128_xcbc": "PRF_AES128_XCBC",
  "integ hmac-sha": "AUTH_HMAC_SHA1_96",
  "integ hmac-md5": "AUTH_HMAC_MD5_96",
  "integ aes-xcbc": "AUTH_AES_XCBC_96",
  "dh modp1024": "MODP_1024",
  "dh modp1536": "MODP_1536",
  "dh modp2048": "MODP_2048",
};

const wordOf: Readonly<Record<string, string>> = { encr: "ENCR", prf: "PRF", integ: "INTEG", dh: "KE" };

/** A line of tcpdump's about a payload of IKEv2, in our words; what it shortens is cut to as much. */
function factIn(line: string): string | undefined {
  const is = (pattern: RegExp) => pattern.exec(line) ?? undefined;
  if (line.startsWith("(sa")) return "SA";
  const proposal = is(/^\(p: #(\d+) protoid=isakmp transform=(\d+)/);
  if (proposal) return `proposal ${proposal[1]} of ${proposal[2]} transforms`;
  const transform = is(/^\(t: #\d+ type=(\w+) id=([\w#-]+) (?:\(type=keylen value=([0-9a-f]+)\))?/);
  if (transform) {
    const bits = transform[3] === undefined ? "" : `, ${Number.parseInt(transform[3], 16)} bits`;
    return `${wordOf[transform[1] ?? ""]} ${ids[`${transform[1]} ${transform[2]}`]}${bits}`;
  }
  const ke = is(/^\(v2ke(?:\[C\])?: len=(\d+) group=(\w+)/);
  if (ke) return `KE ${ids[`dh ${ke[2]}`]}, ${ke[1]} octets`;
  const nonce = is(/^\(nonce(?:\[C\])?: len=(\d+) (?:data|nonce)=\(([0-9a-f]{20})/);
  if (nonce) return `Nonce ${nonce[2]}, ${nonce[1]} octets`;
  const notify = is(/^\(n: prot_id=#0 type=\d+\((\w+)\)/);
  if (notify) return `N ${notify[1]?.toUpperCase()}`;
  const vendor = is(/^\(v2vid: len=\d+ vid=\S+ ([0-9a-f]+)/);
  if (vendor) return `V ${vendor[1]}`;
  const sealed = is(/^\(v2e(?:\[C\])?: len=(\d+)/);
  if (sealed) return `SK of ${sealed[1]} octets`;
  const identity = is(/^\(v2IDi: len=\d+ [0-9a-f]+ (\w+):(\w+)/);
  if (identity) return `IDi ${identity[1]}:${identity[2]}`;
  const auth = is(/^\(v2auth: len=\d+ method=rsasig authdata=\(([0-9a-f]+)\)/);
  if (auth) return `AUTH RSA_DIGITAL_SIGNATURE ${auth[1]}`;
  return undefined;
}

/** The same of what we decoded. */
function facts(fields: readonly Field[]): string[] {
  return fields.flatMap((one) => {
    const { name, value, fields: parts = [] } = one;
    const data = valueAt(parts, "data") ?? "";
    switch (name) {
      case "SA":
        return ["SA", ...parts.filter((part) => part.name.startsWith("proposal")).flatMap(proposalFacts)];
      case "KE":
        return [`KE ${value}, ${data.length / 2} octets`];
      case "Nonce":
        return [`Nonce ${data.slice(0, 20)}, ${data.length / 2} octets`];
      case "N":
        return [`N ${value}`];
      case "V":
        return [`V ${data === "" ? Buffer.from(String(value).slice(1, -1)).toString("hex") : data}`];
      case "SK":
        return [`SK of ${valueAt(parts, "octets")} octets`, ...facts(parts)];
      case "IDi":
        return [`IDi ${valueAt(parts, "type") === "ID_FQDN" ? "fqdn" : valueAt(parts, "type")}:${value}`];
      case "AUTH":
        return [`AUTH ${value} ${data}`];
      default:
        return [];
    }
  });
}

function proposalFacts({ name, fields: parts = [] }: Field): string[] {
  const transforms = parts.filter((part) => ["ENCR", "PRF", "INTEG", "KE"].includes(part.name));
  return [`${name} of ${transforms.length} transforms`, ...transforms.map((one) => `${one.name} ${one.value}`)];
}

const byNumber = (decoded: readonly Decoded[]) =>
  new Map(decoded.filter(({ kind }) => kind === "ike").map((one) => [one.number, one]));

describe.each([
  "tcpdump-isakmp4.out",
  "tcpdump-ikev2four.out",
  "tcpdump-ikev2fourv.out",
  "tcpdump-ikev2fourv4.out",
  "tcpdump-ikev2pI2.out",
  "tcpdump-ikev2pI2-segfault.out",
  "tcpdump-ikev2pI2-segfault-v.out",
  "tcpdump-ikev2-id-normal.out",
  "tcpdump-ikev1_id_ipv6_addr_subnet-oobr.out",
  "tcpdump-isakmp2.out",
  "tcpdump-isakmp3.out",
])("%s", (output) => {
  const packets = packetsIn(printed(output));

  it("finds IKE in the same packets, with the same exchanges, ends, versions and message IDs", async () => {
    const { decoded } = await opened(captureOf(output));
    const wanted = [...packets].filter(([, lines]) => exchangeIn(lines) !== undefined);
    expect(wanted.length).toBeGreaterThan(0);
    const ours = byNumber(decoded);
    expect([...ours].map(([number, { fields }]) => [number, valuesOf(fields, "exchange")[0]])).toEqual(
      wanted.map(([number, lines]) => [number, exchangeIn(lines)]),
    );
    for (const [number, lines] of wanted) {
      const text = lines.join(" ");
      const one = ours.get(number);
      const { source, sourcePort, destination, destinationPort } = one?.path ?? {};
      expect(text).toContain(`${source}.${sourcePort} > ${destination}.${destinationPort}:`);
      const [, version, id] = /isakmp ([\d.]+) msgid ([0-9a-f]+)/.exec(text) ?? [];
      const [header] = one?.fields ?? [];
      if (version !== undefined) expect(valueAt(header?.fields ?? [], "version")).toBe(version);
      const said = valueAt(header?.fields ?? [], "message ID") ?? "";
      if (id !== undefined)
        expect([id, String(Number.parseInt(id, 16))], `message ID of packet ${number}`).toContain(said);
      const [, initial, response] = /cookie ([0-9a-f]+)->([0-9a-f]+)/.exec(text) ?? [];
      if (initial === undefined) continue;
      expect(valuesOf(one?.fields ?? [], "initiator's SPI")).toEqual([initial]);
      expect(valuesOf(one?.fields ?? [], "responder's SPI")).toEqual([response]);
    }
  });
});

describe.each([
  ["tcpdump-ikev2four.out", 65],
  ["tcpdump-ikev2fourv.out", 65],
  ["tcpdump-ikev2fourv4.out", 65],
  ["tcpdump-ikev2pI2.out", 37],
])("%s", (output, least) => {
  it("has the same payloads in the same order, to the last transform, nonce, identity and Vendor ID", async () => {
    const { decoded } = await opened(captureOf(output));
    const ours = byNumber(decoded);
    let count = 0;
    for (const [number, lines] of packetsIn(printed(output))) {
      const wanted = lines.map(factIn).filter((fact) => fact !== undefined);
      count += wanted.length;
      const one = ours.get(number);
      expect(one === undefined ? [] : facts(payloadFields(one)), `packet ${number}`).toEqual(wanted);
    }
    expect(count).toBe(least);
  });

  it("has the same key exchange values, nonces and notification data where they are printed whole", async () => {
    const { decoded } = await opened(captureOf(output));
    const text = printed(output);
    const ours = JSON.stringify(decoded.map(({ fields }) => fields));
    const whole = [...text.matchAll(/\(v2ke[^)]*group=\w+ ([0-9a-f]+)\)|nonce=\(([0-9a-f]+)\)/g)].map(
      ([, ke, nonce]) => ke ?? nonce ?? "",
    );
    expect(whole.length).toBe(output === "tcpdump-ikev2four.out" ? 0 : output === "tcpdump-ikev2pI2.out" ? 2 : 6);
    for (const value of whole) expect(ours).toContain(`"${value}"`);
    // tcpdump goes on behind the notification's data.
    const notified = [...text.matchAll(/type=\d+\(\w+\) data=\(([0-9a-f]+)\)/g)].map(([, data]) => data ?? "");
    const data = decoded.flatMap(({ fields }) =>
      fields.filter(({ name }) => name === "N").map(({ fields: parts }) => valueAt(parts ?? [], "data") ?? ""),
    );
    for (const value of notified)
      expect(
        data.some((one) => one.length >= 40 && value.startsWith(one)),
        value,
      ).toBe(true);
  });
});

describe("ESP and AH", () => {
  it.each(["tcpdump-esp1.out", "tcpdump-esp2.out"])(
    "%s: the same SPIs, sequence numbers and inner packets",
    async (output) => {
      const lines = printed(output).trim().split("\n");
      const { decoded } = await opened(captureOf(output));
      expect(decoded).toHaveLength(lines.length);
      for (const [index, line] of lines.entries()) {
        const one = decoded[index];
        const outer = /ESP\(spi=0x([0-9a-f]+),seq=0x([0-9a-f]+)\)/.exec(line);
        expect(one?.packet?.spi.toString(16).padStart(8, "0")).toBe(outer?.[1]);
        expect(one?.packet?.sequence).toBe(Number.parseInt(outer?.[2] ?? "", 16));
        const inner = /IP ([\d.]+) > ([\d.]+): ICMP echo (request|reply), id (\d+), seq (\d+)/.exec(line);
        if (inner === null) throw new Error(line);
        expect(one?.summary).toContain(`${inner[1]} > ${inner[2]}: ICMP echo ${inner[3]} ${inner[4]}/${inner[5]}`);
      }
    },
  );

  it("ESP in UDP between IKE's messages: the same SPIs and sequence numbers, and the keepalives", async () => {
    const { decoded } = await opened(captureOf("tcpdump-isakmp4.out"));
    const wanted = [...packetsIn(printed("tcpdump-isakmp4.out"))].flatMap(([number, [line = ""]]) => {
      const esp = /ESP\(spi=0x([0-9a-f]+),seq=0x([0-9a-f]+)\)/.exec(line);
      if (esp !== null) return [`${number} ESP ${esp[1]} #${Number.parseInt(esp[2] ?? "", 16)}`];
      return line.includes("nat-keep-alive") ? [`${number} keepalive`] : [];
    });
    expect(wanted).toHaveLength(12);
    const ours = decoded.flatMap(({ number, kind, packet }) => {
      if (kind === "esp") return [`${number} ESP ${packet?.spi.toString(16)} #${packet?.sequence}`];
      return kind === "keepalive" ? [`${number} keepalive`] : [];
    });
    expect(ours).toEqual(wanted);
  });

  it("tcpdump-ospf3_ah-vv.out: the same SPIs, sequence numbers, ICVs and lengths of what AH protects", async () => {
    const { decoded } = await opened(captureOf("tcpdump-ospf3_ah-vv.out"));
    const wanted = [...packetsIn(printed("tcpdump-ospf3_ah-vv.out")).values()].map(([line = ""]) => {
      const found =
        / (\S+) > (\S+): AH\(length=4\(24-bytes\),spi=0x([0-9a-f]+),seq=0x([0-9a-f]+),icv=0x([0-9a-f]+)\): OSPFv3, .*length (\d+)/.exec(
          line,
        );
      if (found === null) throw new Error(line);
      const [, source, destination, spi, sequence, icv, length] = found;
      return [source, destination, `AH ${spi} #${Number.parseInt(sequence ?? "", 16)}: OSPF, ${length} octets`, icv];
    });
    expect(wanted).toHaveLength(61);
    const ours = decoded.map(({ path, summary, fields }) => [
      path.source,
      path.destination,
      summary,
      valuesOf(fields, "ICV")[0],
    ]);
    expect(ours).toEqual(wanted);
    // Two routers send with one SPI to one address: the numbers of one are not late for the other's.
    const greatest = new Map<string, number>();
    for (const { number, path, packet, notes } of decoded) {
      const pair = `${path.source} ${path.destination}`;
      const sequence = packet?.sequence ?? 0;
      const isLate = sequence < (greatest.get(pair) ?? 0);
      expect(
        notes.some((note) => note.startsWith("late")),
        `packet ${number}`,
      ).toBe(isLate);
      greatest.set(pair, Math.max(sequence, greatest.get(pair) ?? 0));
    }
  });

  it("says of a truncated ESP packet what tcpdump says: no more than its SPI", async () => {
    const { decoded } = await opened("tcpdump/esp_truncated.pcap");
    expect(printed("tcpdump-esp_truncated.out")).toContain("0xc0f7d4c3");
    expect(JSON.stringify(decoded[0]?.fields)).toContain("c0f7d4c3");
    expect(decoded[0]?.notes).toContain("malformed: cut short");
  });
});

describe("messages that were made to harm: no more is said than stands there", () => {
  it("tcpdump-isakmp1.out: neither finds an exchange", async () => {
    expect(printed("tcpdump-isakmp1.out")).toMatch(/127\.0\.0\.1\.500 > 127\.0\.0\.1\.500: isakmp:$/m);
    const { decoded } = await opened(captureOf("tcpdump-isakmp1.out"));
    expect(decoded.map(({ summary }) => summary)).toEqual([
      "malformed IKE message: major version is 11, possible is 2 (octet 0)",
    ]);
  });

  it("tcpdump-isakmp3.out: an identity that is a name of zeros, to the last one", async () => {
    const zeros = /idtype=FQDN protoid=0 port=0 len=(\d+) ((?:\^@)+)/.exec(printed("tcpdump-isakmp3.out"));
    const { decoded } = await opened(captureOf("tcpdump-isakmp3.out"));
    const fields = decoded[0]?.fields ?? [];
    expect(zeros?.[2]).toBe("^@".repeat(Number(zeros?.[1])));
    expect(valueAt(fields, "ID")).toBe("00".repeat(Number(zeros?.[1])));
    expect(valueAt(fields, "ID", "type")).toBe("ID_FQDN");
  });

  it("tcpdump-ikev2-id-normal.out: an identity of one octet, in clear", async () => {
    expect(printed("tcpdump-ikev2-id-normal.out")).toContain("(v2IDi: len=5 01000000de ipv4:de)");
    const { decoded } = await opened(captureOf("tcpdump-ikev2-id-normal.out"));
    expect(valueAt(decoded[0]?.fields ?? [], "IDi")).toBe("01000000de");
    expect(decoded[0]?.notes.join()).toContain("IDi: may not stand in clear");
  });

  it("tcpdump-ikev1_id_ipv6_addr_subnet-oobr.out: an identity that is too short, and a payload 145 behind it", async () => {
    expect(printed("tcpdump-ikev1_id_ipv6_addr_subnet-oobr.out")).toContain(
      "(id: idtype=IPv6net protoid=16 port=4112 len=24 [bad: < 32]) [|#145]",
    );
    const { decoded } = await opened(captureOf("tcpdump-ikev1_id_ipv6_addr_subnet-oobr.out"));
    const [id, last] = payloadFields(decoded[0] as Decoded);
    // Type 6 is ID_IPV6_ADDR_SUBNET; 0x10 is the protocol, 0x1010 the port.
    expect(id).toMatchObject({ name: "ID", value: expect.stringMatching(/^06101010/) });
    expect(last).toMatchObject({ name: "payload 145", value: expect.stringContaining(" of ") });
  });

  it.each(["tcpdump-isakmp-ikev1_n_print-oobr.out"])(
    "%s: the same packets, and payloads as far as they are there",
    async (output) => {
      const packets = packetsIn(printed(output));
      const { decoded } = await opened(captureOf(output));
      expect(packets.get(2)?.join()).toContain("ip-proto-40");
      expect(decoded.map(({ number }) => number)).toEqual([1, 3]);
      for (const one of decoded) {
        const text = packets.get(one.number)?.join(" ") ?? "";
        const id = /isakmp 2\.12 msgid ([0-9a-f]+): child_sa +ikev2_auth/.exec(text)?.[1] ?? "";
        expect(valuesOf(one.fields, "message ID")).toEqual([Number.parseInt(id, 16)]);
        expect(valuesOf(one.fields, "exchange")).toEqual(["IKE_AUTH"]);
        expect(valuesOf(one.fields, "version")).toEqual(["2.12"]);
      }
      expect(packets.get(1)?.join()).toContain("[|#126]");
      expect(payloadFields(decoded[0] as Decoded).at(-1)).toMatchObject({ name: "payload 126" });
    },
  );

  it.each([
    ["tcpdump-isakmp-3948-oobr-2.out", 1],
    ["tcpdump-isakmp-rfc3948-oobr.out", 23],
  ])("%s: IKE that is cut short, in the one packet where tcpdump sees it", async (output, number) => {
    const packets = packetsIn(printed(output));
    const seen = [...packets].filter(([, lines]) => lines.join().includes("[|isakmp_rfc3948]"));
    expect(seen.map(([at]) => at)).toEqual([number]);
    const { decoded } = await opened(captureOf(output));
    expect(decoded.map((one) => [one.number, one.kind, one.notes])).toEqual([
      [number, "ike", ["malformed: the capture has less of it than was sent"]],
    ]);
  });

  it("tcpdump-ikev2pI2-segfault-v.out: both stop at the third transform", async () => {
    const lines = packetsIn(printed("tcpdump-ikev2pI2-segfault-v.out")).get(1) ?? [];
    expect(lines.filter((line) => line.startsWith("(t:"))).toHaveLength(3);
    const { decoded } = await opened(captureOf("tcpdump-ikev2pI2-segfault-v.out"));
    expect(decoded[0]?.notes.join()).toContain("SA/proposal 1/transform 3: last substructure flag is 46");
  });
});
