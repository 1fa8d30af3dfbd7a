// Main mode's message 5 is met with silence, or with words: the caller says what it sent, and believes nobody who proves nothing.
import { describe, expect, test } from "vitest";
import { isakmpNotify } from "../../../src/ikev1/payloads.ts";
import { encodeMessage, encodePayloads } from "../../../src/wire/ikev1/message.ts";
import { exchangeType } from "../../../src/wire/ikev1/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev1/registry/notify.ts";
import type { PeerOptions } from "./desired.ts";
import { Ikev1Puppet, puppetEsp, puppetIke } from "./ikev1-puppet.ts";
import { a, b, ends, facing, type Pair, reasons, standing } from "./pair.ts";

const options: PeerOptions = { ikev1: "main", ike: [puppetIke], esp: [puppetEsp] };
const patience = 40_000;

function calls(ours: PeerOptions, theirs: PeerOptions): Pair {
  const pair = ends();
  pair.one.configure(facing(a, { ...options, ...ours }));
  pair.two.configure(facing(b, { ...options, ...theirs, initiate: false }));
  pair.world.run(patience);
  expect(standing(pair.one)).toEqual([]);
  return pair;
}

describe("a caller that is not believed", () => {
  test("another secret: the peer is silent, and the caller names its identity and its secret", () => {
    const { one } = calls({ psk: "one secret" }, { psk: "another secret" });
    expect(one.peer().reason).toMatchObject({
      code: "no-answer",
      exchange: "main mode",
      attempts: 5,
      unbelieved: { sentIdentity: `gw-${a}`, proof: expect.stringMatching(/^the secret ".+"$/) },
    });
    expect(one.peer().reason).not.toHaveProperty("unbelieved.said");
  });

  test("another identity: the peer says so under the keys of both, and the caller knows at once", () => {
    const pair = calls({ localId: "stranger" }, {});
    expect(pair.one.peer().reason).toMatchObject({ code: "peer-refused-authentication", sentIdentity: "stranger" });
    expect(reasons(pair.one)).toEqual(["peer-refused-authentication"]);
  });

  test("silence before that is about nothing but the way", () => {
    const { world, one } = ends({ network: () => [] });
    one.configure(facing(a, options));
    const puppet = new Ikev1Puppet(one, b, "responder");
    puppet.answerSa();
    world.run(patience);
    expect(one.peer().reason).toMatchObject({ code: "no-answer" });
    expect(one.peer().reason).not.toHaveProperty("unbelieved");
  });
});

/** A caller whose message 5 is out, and the puppet that it is sent to. */
function proving() {
  const { world, one } = ends({ network: () => [] });
  one.configure(facing(a, options));
  const puppet = new Ikev1Puppet(one, b, "responder");
  puppet.answerSa();
  puppet.answerKey();
  return { world, one, puppet };
}

describe("words while the proof is unanswered", () => {
  const refusal = isakmpNotify(notifyType.AUTHENTICATION_FAILED);

  test("in clear: they end nothing, and stand beside what is known", () => {
    const { world, one, puppet } = proving();
    puppet.inject(encodeMessage(puppet.header(exchangeType.INFORMATIONAL, 0), [refusal]));
    puppet.inject(encodeMessage(puppet.header(exchangeType.INFORMATIONAL, 9), [refusal]));
    expect(reasons(one)).toEqual(["peer-error"]);
    world.run(patience);
    expect(one.peer().reason).toMatchObject({ code: "no-answer", unbelieved: { said: "AUTHENTICATION_FAILED" } });
    const other = proving();
    other.puppet.inject(encodeMessage(other.puppet.header(exchangeType.INFORMATIONAL, 0), [refusal]));
    other.puppet.answerIdentity();
    expect(other.one.peer().ikeSas).toHaveLength(1);
  });

  test("under the keys, which nobody has proved to own yet: they end nothing either", () => {
    const { one, puppet } = proving();
    puppet.open(puppet.received());
    puppet.inform([refusal]);
    expect(reasons(one)).toEqual(["peer-refused-authentication"]);
    puppet.sendIdentity();
    expect(one.peer().ikeSas).toHaveLength(1);
  });

  test.each<[string, (puppet: Ikev1Puppet) => void]>([
    [
      "under the keys with another HASH",
      (puppet) => {
        const following = encodePayloads([{ isakmp: "HASH", data: new Uint8Array(32) }, refusal]);
        puppet.inject(puppet.seal(exchangeType.INFORMATIONAL, 0x77, following));
      },
    ],
    ["a DELETE of all", (puppet) => puppet.deleteIsakmp()],
    [
      "in another exchange",
      (puppet) => puppet.inject(puppet.sealHashed(exchangeType.QUICK_MODE, 0x77, encodePayloads([refusal]))),
    ],
  ])("%s: nothing", (_, say) => {
    const { one, puppet } = proving();
    puppet.open(puppet.received());
    say(puppet);
    expect(reasons(one)).toEqual([]);
  });
});
