// Frames that Linux 6.1 and strongSwan 6.0.1 put on a wire, cut after their headers. What the classifier takes for
// protected is not looked at again, so a mistake here would hide a leak.
import { expect, test } from "vitest";
import { FrameClassifier } from "../../interop/lab/frames.ts";

const ethernet4 = "82d17133d2bf7e56c973565d0800";
const ethernet6 = "82d17133d2bf7e56c973565d86dd";
const ipv6 = "20010db800000000000000000000000120010db8000000000000000000000002";

const frames = {
  vxlan: `${ethernet4}4500007ad857000040111e18c0000202c0000201d45412b50066847b0800000000002a003333ff00000202000000`,
  greOverIpv6: `${ethernet6}6009c39f00582f40${ipv6}0000080045000054615940004001`,
  lanPing: `${ethernet4}450005dcfcd020003f01454a0a0100020a0200020800821b03ad0001c2f6006b`,
  lanPingNextFragment: `${ethernet4}450005dcfcd020b93f0144910a0100020a020002c0c1c2c3c4c5c6c7c8c9cacb`,
  lanPing6: `${ethernet6}600f5c6f05b02c3ffd000001000000000000000000000002fd000002000000000000000000000002`.concat(
    "3a000001f94ce2578000fa5a03b00001",
  ),
  datagramToAnotherPort: `${ethernet4}450000226791400040114f36c0000201c0000202a8350007000e842368656c6c6f0a`,
  clearTextToPort500: `${ethernet4}450000${"46e75f40004011cf43c0000201c0000202dc2e01f400328447"}${"61".repeat(42)}`,
  ikeSaInit: `${ethernet6}6005a3c204401140${ipv6}01f401f404405fc6118c45e1b251ff21000000000000000021202208000000000000043822000358`,
  ikeAuthOn4500: `${ethernet6}60046d4f017c1140${ipv6}11941194017c5d0200000000118c45e1b251ff2176df9b5046757d8b2e2023080000000100000170`,
  multicastListenerReport: `33330000001682d17133d2bf86dd600000000074000100000000000000000000000000000000`.concat(
    "ff0200000000000000000000000000163a000502000001008f00922a00000005",
  ),
  neighbourSolicitation: `3333ff33d2bf82d17133d2bf86dd6000000000203aff00000000000000000000000000000000`.concat(
    "ff0200000000000000000001ff33d2bf870040cc00000000fe80",
  ),
} as const;

function kindOf(hex: string): string {
  return new FrameClassifier().classify(Buffer.from(hex, "hex"));
}

test.for(["vxlan", "greOverIpv6", "lanPing", "lanPing6", "datagramToAnotherPort", "clearTextToPort500"] as const)(
  "%s is a leak",
  (name) => {
    expect(kindOf(frames[name])).toBe("other");
  },
);

test("IKE on both ports and the noise of IPv6 are known by name", () => {
  expect(kindOf(frames.ikeSaInit)).toBe("ike");
  expect(kindOf(frames.ikeAuthOn4500)).toBe("ike");
  expect(kindOf(frames.multicastListenerReport)).toBe("multicast-listener");
  expect(kindOf(frames.neighbourSolicitation)).toBe("neighbour-discovery");
});

test("a datagram on port 500 with another version or length than IKE's is a leak", () => {
  expect(kindOf(frames.ikeSaInit.replace("2120220800000000", "2160220800000000"))).toBe("other");
  expect(kindOf(frames.ikeSaInit.replace("0000043822", "0000043922"))).toBe("other");
});

test("only a marker of four zeros makes a datagram on port 4500 IKE", () => {
  expect(kindOf(frames.ikeAuthOn4500.replace("5d0200000000", "5d0200000001"))).toBe("esp-in-udp");
});

test("a datagram on port 4500 that is too short for a sequence number is no ESP", () => {
  const short = (payload: string) =>
    `${ethernet4}450000200000000040110000c0000201c0000202`.concat(
      "11941194",
      payload.length === 8 ? "000c" : "0010",
      "0000",
      payload,
    );
  expect(kindOf(short("68656c6c"))).toBe("other");
  expect(kindOf(short("c000000100000001"))).toBe("esp-in-udp");
});

test("a later fragment is what its first fragment was, and a leak when that was not seen", () => {
  const classifier = new FrameClassifier();
  const ikeFragments = [
    `${ethernet4}450005dc11112000401100000a0100020a020002`.concat("11941194017c5d0200000000118c45e1b251ff21"),
    `${ethernet4}4500005c1111000140110000`.concat("0a0100020a020002", "6161616161616161"),
  ].map((hex) => Buffer.from(hex, "hex"));
  const [first, next] = ikeFragments;
  if (first === undefined || next === undefined) throw new Error("two fragments");
  first.writeUInt16BE(500, 34);
  expect(classifier.classify(next)).toBe("other");
  expect(classifier.classify(first)).toBe("other");
  first.writeUInt16BE(4500, 34);
  first.writeUInt32BE(0x01020304, 42);
  expect(classifier.classify(first)).toBe("esp-in-udp");
  expect(classifier.classify(next)).toBe("esp-in-udp");
});

test("a later fragment of ESP is ESP", () => {
  expect(kindOf(frames.lanPingNextFragment)).toBe("other");
  expect(kindOf(frames.lanPingNextFragment.replace("3f01", "3f32"))).toBe("esp");
});

test("an ICMP error is what it quotes", () => {
  const unreachable = `${ethernet4}45c0006206be00004001ef19c0000202c000020103039dba00000000`;
  const quote = (frame: string) => kindOf(unreachable + frame.slice(ethernet4.length));
  expect(quote(frames.vxlan)).toBe("other");
  expect(quote(frames.lanPing)).toBe("other");
  expect(quote(frames.lanPing.replace("3f01", "3f32").replace("2000", "0000"))).toBe("icmp-error-about-ipsec");
});

test("a frame that is cut short is a leak, not an error", () => {
  for (const hex of Object.values(frames)) {
    const octets = Buffer.from(hex, "hex");
    for (let length = 0; length < octets.length; length += 1) {
      const kind = new FrameClassifier().classify(octets.subarray(0, length));
      // What is left of the headers may already tell; nothing else may.
      expect(["other", kindOf(hex)]).toContain(kind);
    }
  }
});
