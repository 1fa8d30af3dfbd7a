// IKE messages in fragments of their own (RFC 7383), each end's made by one kind of daemon and put together by the other.
import { describe, expect } from "vitest";
import { connection, strongswanChildren, underlock } from "./ends.ts";
import { scenario } from "./lab/scenario.ts";
import { type StrongswanVersion, strongswanVersions } from "./lab/strongswan.ts";
import { lostPings } from "./lab/traffic.ts";

const gateways = ["a", "b"] as const;

/** Enough proposals for a message of more than a thousand octets. */
const esp = ["sha256", "sha384", "sha512"]
  .flatMap((integ) => ["aes128", "aes192", "aes256"].map((encr) => `${encr}-${integ}`))
  .concat(["aes128gcm16", "aes192gcm16", "aes256gcm16", "aes128gcm12", "aes256gcm12", "aes128gcm8", "aes256gcm8"]);

/** What charon says of the fragments that it took and made. */
function fragmentsIn(log: string) {
  const count = (text: string) => log.split(text).length - 1;
  return { taken: count("received fragment #"), made: count("splitting IKE message") };
}

describe.each(strongswanVersions)("fragments with strongSwan %s", (version: StrongswanVersion) => {
  const spec = { gateways, seconds: 90, overlays: [{ kind: "gre", between: gateways, family: "v4" }] } as const;

  scenario("we call, and fragment below 576 octets; it answers in fragments of 200", spec, async (lab) => {
    const [gre] = strongswanChildren.gre();
    if (gre === undefined) throw new Error("no child");
    const options = { here: "b", there: "a", family: "v4", children: [{ ...gre, esp: esp.join(",") }] } as const;
    const charon = await lab.strongswan("b", version, [connection(lab, options)], { fragment_size: "200" });
    const ours = underlock(lab, {
      here: "a",
      there: "b",
      family: "v4",
      protect: [{ gre: null, esp }],
      initiate: true,
      peer: { messages: { "fragment-size": 576 } },
    });
    await ours.start();
    await ours.must("up", "b");
    const { taken, made } = fragmentsIn(charon.log());
    expect(taken).toBeGreaterThanOrEqual(2);
    expect(made).toBeGreaterThanOrEqual(1);
    const inner: Readonly<Record<string, string>> = lab.topology.overlays[0]?.inner ?? {};
    expect(await lostPings(lab.gateway("a").machine, inner.a ?? "", inner.b ?? "")).toMatchObject({ 56: 0 });
    expect(await ours.stop()).toBe(0);
  });

  scenario("it calls in fragments of 300; we answer within 576 octets", spec, async (lab) => {
    const [gre] = strongswanChildren.gre();
    if (gre === undefined) throw new Error("no child");
    const ours = underlock(lab, {
      here: "a",
      there: "b",
      family: "v4",
      protect: [{ gre: null, esp: esp.slice(0, 2) }],
      initiate: false,
      peer: { messages: { "fragment-size": 576 } },
    });
    await ours.start();
    const options = { here: "b", there: "a", family: "v4", children: [{ ...gre, esp: esp.join(",") }] } as const;
    const charon = await lab.strongswan("b", version, [connection(lab, options)], { fragment_size: "300" });
    await charon.initiate("gre");
    expect(fragmentsIn(charon.log()).made).toBeGreaterThanOrEqual(1);
    const inner: Readonly<Record<string, string>> = lab.topology.overlays[0]?.inner ?? {};
    expect(await lostPings(lab.gateway("b").machine, inner.b ?? "", inner.a ?? "")).toMatchObject({ 56: 0 });
    expect(await ours.stop()).toBe(0);
  });
});
