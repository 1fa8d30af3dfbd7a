/** What tcpdump, Zeek and Suricata print of the captures: which print-out is of which capture. */
import { readdirSync, readFileSync } from "node:fs";
import type { Decoded } from "../../../src/decode/decoded.ts";
import type { Field } from "../../../src/decode/field.ts";
import { captureFolder } from "./open-capture.ts";

/** Every print-out that is kept; each is compared by a test of its kind. */
export const printOuts: Readonly<Record<string, string>> = {
  "suricata-ikev1-main-mode.test.yaml": "zeek-spicy-ipsec/ipsec-ikev1-isakmp-main-mode.pcap",
  "suricata-ikev1-transforms.test.yaml": "zeek-spicy-ipsec/ipsec-ikev1-isakmp-main-mode.pcap",
  "suricata-ikev2-weak-dh.test.yaml": "suricata-verify/IKEv2_SA_INIT_2-8-weak.pcap",
  "tcpdump-esp1.out": "tcpdump/02-sunrise-sunset-esp.pcap",
  "tcpdump-esp2.out": "tcpdump/08-sunrise-sunset-esp2.pcap",
  "tcpdump-esp_truncated.out": "tcpdump/esp_truncated.pcap",
  "tcpdump-ikev1_id_ipv6_addr_subnet-oobr.out": "tcpdump/ikev1_id_ipv6_addr_subnet-oobr.pcap",
  "tcpdump-ikev2-id-normal.out": "tcpdump/ikev2-id-normal.pcap",
  "tcpdump-ikev2four.out": "tcpdump/ikev2four.pcap",
  "tcpdump-ikev2fourv.out": "tcpdump/ikev2four.pcap",
  "tcpdump-ikev2fourv4.out": "tcpdump/ikev2four.pcap",
  "tcpdump-ikev2pI2-segfault-v.out": "tcpdump/ikev2pI2-segfault.pcapng",
  "tcpdump-ikev2pI2-segfault.out": "tcpdump/ikev2pI2-segfault.pcapng",
  "tcpdump-ikev2pI2.out": "tcpdump/ikev2pI2.pcap",
  "tcpdump-isakmp-3948-oobr-2.out": "tcpdump/isakmp-3948-oobr-2.pcap",
  "tcpdump-isakmp-ikev1_n_print-oobr.out": "tcpdump/isakmp-ikev1_n_print-oobr.pcap",
  "tcpdump-isakmp-rfc3948-oobr.out": "tcpdump/isakmp-rfc3948-oobr.pcap",
  "tcpdump-isakmp1.out": "tcpdump/isakmp-delete-segfault.pcap",
  "tcpdump-isakmp2.out": "tcpdump/isakmp-pointer-loop.pcap",
  "tcpdump-isakmp3.out": "tcpdump/isakmp-identification-segfault.pcap",
  "tcpdump-isakmp4.out": "tcpdump/isakmp4500.pcap",
  "tcpdump-ospf3_ah-vv.out": "tcpdump/OSPFv3_with_AH.pcap",
  "zeek-ikev1-a.stdout": "wireshark/ikev1-certs.pcap",
  "zeek-ikev1-b.stdout": "zeek-spicy-ipsec/ipsec-ikev1-isakmp-aggressive-mode.pcap",
  "zeek-ikev1-c.stdout": "zeek-spicy-ipsec/ipsec-ikev1-isakmp-main-mode.pcap",
  "zeek-ipsec_ah.stdout": "zeek-spicy-ipsec/IPsec_ESP-AH_tunnel_mode.cap",
};

/** The names of the print-outs in the folder. */
export function keptPrintOuts(): string[] {
  return readdirSync(`${captureFolder}expected`).sort();
}

export function printed(name: string): string {
  return readFileSync(`${captureFolder}expected/${name}`, "utf8");
}

/** The capture of a print-out. */
export function captureOf(name: string): string {
  const capture = printOuts[name];
  if (capture === undefined) throw new Error(`no capture is known for ${name}`);
  return capture;
}

/** The value of the one field at that path, names one below the other. */
export function valueAt(fields: readonly Field[], ...path: readonly string[]): string | undefined {
  const [name, ...more] = path;
  const found = fields.find((one) => one.name === name);
  if (more.length > 0) return valueAt(found?.fields ?? [], ...more);
  return found?.value === undefined ? undefined : String(found.value);
}

/** The fields of a message behind its header, with those inside its encryption behind them. */
export function payloadFields({ fields }: Decoded): readonly Field[] {
  return fields.filter(({ name }) => name !== "header");
}
