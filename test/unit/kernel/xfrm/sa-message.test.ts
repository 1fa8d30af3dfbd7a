import { describe, expect, it } from "vitest";
import { encrTransforms } from "../../../../src/crypto/transforms/encr.ts";
import { integTransforms } from "../../../../src/crypto/transforms/integ.ts";
import { reqidRange, type SaInstall } from "../../../../src/kernel/port.ts";
import { ahMessage, saMessage, UnsupportedTransform } from "../../../../src/kernel/xfrm/sa-message.ts";
import { SA_FLAG } from "../../../../src/netlink-xfrm/index.ts";

const base: SaInstall = {
  protocol: "esp",
  spi: 0x1000,
  source: "192.0.2.1",
  destination: "192.0.2.2",
  direction: "in",
  mode: "transport",
  reqid: reqidRange.start,
  esn: false,
  replayWindow: 32,
  hard: { seconds: 3600 },
};

describe("an SA as a message to Linux", () => {
  it("carries every encryption algorithm of the table by its kernel name and attribute", () => {
    for (const transform of encrTransforms) {
      const key = new Uint8Array(transform.keyBits / 8 + transform.saltLength).fill(1);
      const sa = { ...base, encr: { transform, key } };
      if (transform.kernel === undefined) {
        expect(() => saMessage(sa), transform.keyword).toThrow(UnsupportedTransform);
        continue;
      }
      const { kind, name } = transform.kernel;
      const message = saMessage(sa);
      if (kind === "aead") expect(message.aead).toEqual({ name, key, icvBits: transform.icvLength * 8 });
      else expect(message.crypt).toEqual({ name, key });
    }
  });

  it("carries every integrity algorithm with the length of its ICV", () => {
    for (const transform of integTransforms) {
      const key = new Uint8Array(transform.keyLength).fill(1);
      const sa: SaInstall = { ...base, protocol: "ah", integ: { transform, key } };
      if (transform.kernel === undefined) {
        expect(() => saMessage(sa), transform.keyword).toThrow(UnsupportedTransform);
        continue;
      }
      const { name, icvBits } = transform.kernel;
      expect(saMessage(sa).authTrunc).toEqual({ name, key, truncationBits: icvBits });
      expect(icvBits).toBe(transform.icvLength * 8);
    }
  });

  it("keeps a window of 32 in the plain attribute, and wider ones or ESN in the other", () => {
    expect(saMessage(base)).toMatchObject({ replayWindow: 32 });
    expect(saMessage(base).replayEsn).toBeUndefined();
    expect(saMessage({ ...base, replayWindow: 33 })).toMatchObject({ replayWindow: 0, replayEsn: { window: 33 } });
    expect(saMessage({ ...base, esn: true })).toMatchObject({ replayWindow: 0, replayEsn: { window: 32 } });
    expect(saMessage({ ...base, direction: "out", replayWindow: 64 })).toMatchObject({ replayWindow: 0 });
    expect(saMessage({ ...base, direction: "out", replayWindow: 64 }).replayEsn).toBeUndefined();
    expect(saMessage({ ...base, direction: "out", esn: true, replayWindow: 0 })).toMatchObject({
      replayEsn: { window: 32 },
    });
  });

  it("always allows ICMP errors, tells ESN by its flag, and leaves the inner family of a tunnel open", () => {
    expect(saMessage(base).flags).toBe(SA_FLAG.icmp);
    expect(saMessage({ ...base, esn: true }).flags).toBe(SA_FLAG.icmp | SA_FLAG.esn);
    expect(saMessage({ ...base, mode: "tunnel" }).flags).toBe(SA_FLAG.icmp | SA_FLAG.afUnspec);
  });

  it("puts AH in transport mode around whatever makes the tunnel, with limits of time alone that outlive it", () => {
    const [transform] = integTransforms.filter(({ keyword }) => keyword === "sha256");
    if (transform === undefined) throw new Error("no transform");
    const ah = { transform, key: new Uint8Array(32).fill(2) };
    const sa = { ...base, mode: "tunnel", ahSpi: 0x2000, ah, hard: { seconds: 3600, bytes: 5n } } as const;
    const expected = {
      protocol: "ah",
      spi: 0x2000,
      mode: "transport",
      reqid: base.reqid,
      replayWindow: 32,
      lifetime: { hardAddSeconds: 3660 },
      authTrunc: { key: ah.key, truncationBits: 128 },
    };
    expect(ahMessage(sa)).toMatchObject(expected);
    expect(Number(ahMessage(sa).flags) & SA_FLAG.align4).toBe(SA_FLAG.align4);
    const v6 = { ...sa, source: "2001:db8::1", destination: "2001:db8::2" };
    expect(Number(ahMessage(v6).flags) & SA_FLAG.align4).toBe(0);
    expect(saMessage(sa)).toMatchObject({ protocol: "esp", spi: 0x1000, mode: "tunnel" });
  });

  it("gives the kernel every limit", () => {
    const limits = { hard: { seconds: 60, bytes: 1000n, packets: 10n }, soft: { seconds: 0, bytes: 900n } };
    expect(saMessage({ ...base, ...limits }).lifetime).toEqual({
      hardAddSeconds: 60,
      hardBytes: 1000n,
      hardPackets: 10n,
      softBytes: 900n,
    });
  });
});
