import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { captureFolder, opened, valuesOf } from "./open-capture.ts";

/** Facts on which tcpdump, Zeek and Suricata print about the same captures. */

function printed(name: string): string {
  return readFileSync(`${captureFolder}expected/${name}`, "utf8");
}

const exchangeNames: Readonly<Record<string, string>> = {
  "phase 1 ident": "IDENTITY_PROTECTION",
  "phase 1 agg": "AGGRESSIVE",
  "phase 2/others inf": "INFORMATIONAL",
  "phase 2/others oakley-quick": "QUICK_MODE",
  "parent_sa ikev2_init": "IKE_SA_INIT",
  "child_sa ikev2_auth": "IKE_AUTH",
  "child_sa child_sa": "CREATE_CHILD_SA",
  "child_sa inf2": "INFORMATIONAL",
  "parent_sa inf2": "INFORMATIONAL",
};

/** The packets of tcpdump's print-out that are IKE, by number: the exchange. */
function tcpdumpExchanges(text: string): Map<number, string> {
  const found = new Map<number, string>();
  let number = 0;
  for (const line of text.split("\n")) {
    number = Number(/^ {1,4}(\d+) {2}/.exec(line)?.[1] ?? number);
    const said =
      /isakmp(?: [\d.]+)?(?: msgid [0-9a-f]+)?:? *(?:msgid [0-9a-f]+: )?(phase 1|phase 2\/others|parent_sa|child_sa) +(?:[IR?] )?([a-z0-9_-]+)/.exec(
        line,
      );
    if (said !== null && !found.has(number))
      found.set(number, exchangeNames[`${said[1]} ${said[2]}`] ?? `${said[1]} ${said[2]}`);
  }
  return found;
}

describe("tcpdump", () => {
  it.each([
    ["tcpdump-isakmp4.out", "tcpdump/isakmp4500.pcap"],
    ["tcpdump-ikev2four.out", "tcpdump/ikev2four.pcap"],
  ])("%s: the same packets are IKE, with the same exchanges", async (output, capture) => {
    const wanted = tcpdumpExchanges(printed(output));
    expect(wanted.size).toBeGreaterThan(1);
    const { decoded } = await opened(capture);
    const ours = new Map(
      decoded
        .filter(({ kind }) => kind === "ike")
        .map(({ number, fields }) => [number, valuesOf(fields, "exchange")[0]]),
    );
    expect(ours).toEqual(wanted);
  });

  it("ikev2four: the same transforms in the first message, in the same order", async () => {
    const first = printed("tcpdump-ikev2four.out").split(/^ {1,4}2 {2}/m)[0] ?? "";
    const { decoded } = await opened("tcpdump/ikev2four.pcap");
    const names: Readonly<Record<string, string>> = { encr: "ENCR", prf: "PRF", integ: "INTEG", dh: "KE" };
    const wanted = Array.from(first.matchAll(/\(t: #\d+ type=(\w+)/g), ([, type]) => names[type ?? ""]);
    const fields = JSON.stringify(decoded[0]?.fields);
    const ours = Array.from(
      fields.matchAll(/"name":"(ENCR|PRF|INTEG|KE)","value":"[A-Z]+_/g),
      ([, name]) => name,
    ).slice(0, wanted.length);
    expect(wanted).toHaveLength(12);
    expect(ours).toEqual(wanted);
  });

  it.each([
    ["tcpdump-esp1.out", "tcpdump/02-sunrise-sunset-esp.pcap"],
    ["tcpdump-esp2.out", "tcpdump/08-sunrise-sunset-esp2.pcap"],
  ])("%s: the same SPIs, sequence numbers and inner packets", async (output, capture) => {
    const lines = printed(output).trim().split("\n");
    const { decoded } = await opened(capture);
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
  });

  it("says of a truncated ESP packet what tcpdump says: no more than its SPI", async () => {
    const { decoded } = await opened("tcpdump/esp_truncated.pcap");
    expect(printed("tcpdump-esp_truncated.out")).toContain("0xc0f7d4c3");
    expect(JSON.stringify(decoded[0]?.fields)).toContain("c0f7d4c3");
    expect(decoded[0]?.notes).toContain("malformed: cut short");
  });
});

describe("Zeek", () => {
  it("ikev1-c: the same attributes of the same transforms", async () => {
    const { decoded } = await opened("zeek-spicy-ipsec/ipsec-ikev1-isakmp-main-mode.pcap");
    const lines = printed("zeek-ikev1-c.stdout")
      .split("\n")
      .filter((line) => line.startsWith("ike_data_attribute"));
    const transforms = decoded
      .filter(({ summary }) => summary.includes("SA"))
      .flatMap(({ message }) => (message?.version === 1 && "payloads" in message.clear ? message.clear.payloads : []))
      .flatMap((payload) => (payload.isakmp === "SA" ? payload.proposals : []))
      .flatMap((proposal) => proposal.transforms);
    expect(transforms.flatMap(({ attributes }) => attributes)).toHaveLength(lines.length);
    const types = lines.map((line) => Number(/attribute_type=(\d+)/.exec(line)?.[1])).sort((a, b) => a - b);
    expect(transforms.flatMap(({ attributes }) => attributes.map(({ type }) => type)).sort((a, b) => a - b)).toEqual(
      types,
    );
  });

  it("ipsec_ah: the same AH and ESP packets", async () => {
    const { decoded } = await opened("zeek-spicy-ipsec/IPsec_ESP-AH_tunnel_mode.cap");
    const text = printed("zeek-ipsec_ah.stdout");
    const lines = (event: string) => text.split("\n").filter((line) => line.startsWith(event)).length;
    expect(decoded.filter(({ kind }) => kind === "ah")).toHaveLength(lines("ah_message"));
    expect(decoded.filter(({ summary }) => /ESP [0-9a-f]{8} #/.test(summary))).toHaveLength(lines("esp_message"));
    expect(decoded.length).toBe(10);
  });
});

describe("Suricata", () => {
  it("the main mode's cookies, nonces and algorithms", async () => {
    const text = printed("suricata-ikev1-main-mode.test.yaml");
    const { decoded } = await opened("zeek-spicy-ipsec/ipsec-ikev1-isakmp-main-mode.pcap");
    const fields = JSON.stringify(decoded.map((one) => one.fields));
    for (const key of ["init_spi", "resp_spi", "nonce_payload"]) {
      const values = Array.from(text.matchAll(new RegExp(`${key}: "([0-9a-f]+)"`, "g")), ([, value]) => value ?? "");
      expect(values.length, key).toBeGreaterThan(0);
      for (const value of values) expect(fields, key).toContain(value);
    }
    expect(decoded.find(({ number }) => number === 2)?.remark).toMatch(/AES_CBC 128 SHA MODP_1024 PRE_SHARED_KEY/);
  });

  it("the weak IKE_SA_INIT's SPI, exchange and order of payloads", async () => {
    const { decoded } = await opened("suricata-verify/IKEv2_SA_INIT_2-8-weak.pcap");
    const first = decoded[0];
    expect(valuesOf(first?.fields ?? [], "initiator's SPI")).toEqual(["61d3693ce12af528"]);
    expect(first?.summary).toBe("IKE_SA_INIT request 0: Nonce, KE, SA");
  });
});
