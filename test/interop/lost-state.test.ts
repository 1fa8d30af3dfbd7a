// Quick crash detection (RFC 6290): a gateway that only answers has lost its IKE SAs, and proves it to the end that calls.
import { expect } from "vitest";
import { logLines, peerOf, statusOf } from "./daemon-words.ts";
import { underlock } from "./ends.ts";
import { sleep, waitFor } from "./lab/machine.ts";
import { scenario } from "./lab/scenario.ts";

const gateways = ["a", "b"] as const;
const overlays = [{ kind: "gre", between: gateways, family: "v4" }] as const;

scenario(
  "killed and started again, it is called anew at the other's next request, and no ping is lost",
  { gateways, overlays, seconds: 90 },
  async (lab) => {
    const theirs = underlock(lab, { here: "b", there: "a", family: "v4", protect: ["gre"], initiate: false });
    const ours = underlock(lab, { here: "a", there: "b", family: "v4", protect: ["gre"], initiate: true });
    await theirs.must("lock");
    await theirs.start();
    await ours.start();
    await ours.must("up", "b");
    const offer = lab.offer({ rate: 20, from: ["a"] });
    await sleep(1_000);
    await theirs.crash();
    await theirs.start();
    expect(peerOf(await statusOf(theirs), "a").state).toBe("waiting");
    const asked = Date.now();
    // Whatever request it is: that of a rekey can be had at once.
    await ours.must("rekey", "b");
    await waitFor("that it is called anew", async () => peerOf(await statusOf(theirs), "a").state === "up");
    // By its silence it would have been known after minutes.
    expect(Date.now() - asked).toBeLessThan(10_000);
    await sleep(2_000);
    const lost = (await offer.stop()).map(({ sent, received }) => ({ sent, lost: sent - received }));
    // The last may have been on its way.
    expect(lost.filter(({ sent, lost: count }) => sent < 60 || count > 1)).toEqual([]);
    expect(peerOf(await statusOf(ours), "b").ikeSas).toHaveLength(1);
    expect(logLines(ours).map(({ event }) => event)).toContain("peer-connecting");
    expect(await ours.stop()).toBe(0);
    expect(await theirs.stop()).toBe(0);
  },
);
