// Every message in every state of IKEv1: the class of fault where a message that comes at the wrong time, or is not authentic,
// moves something. States are those of the type, exchanges, payload types and notifies the registries' own, so that a new one
// is tried by itself.
import { describe, expect, test } from "vitest";
import { a, b } from "../../pair.ts";
import type { Line } from "./line.ts";
import { type Attempt, attempts } from "./messages.ts";
import { situations } from "./situations.ts";

describe.each(situations)("in $name", (situation) => {
  const { whitelist, explains = [], state } = situation;

  test(`only ${whitelist.length === 0 ? "nothing" : whitelist.join(", ")} changes anything`, {
    timeout: 60_000,
  }, () => {
    const undisturbed = aftermath(situation.reach());
    let line = situation.reach();
    expect(line.sa.state.kind).toBe(state);
    let before = snapshot(line);
    let tried = 0;
    const changing = new Set<string>();
    const explaining = new Set<string>();
    const heard: Attempt[] = [];
    for (const attempt of attempts(line)) {
      if (attempt.said !== undefined && (whitelist as readonly string[]).includes(attempt.said)) {
        heard.push(attempt);
        continue;
      }
      const octets = attempt.make(line);
      if (octets === undefined) continue;
      tried += 1;
      inject(line, octets, elsewhere);
      const after = snapshot(line);
      if (after.all === before.all) continue;
      if (after.state !== before.state && !(attempt.isFirst === true && after.ownState === before.ownState))
        changing.add(`${attempt.exchange}: ${attempt.what}`);
      else if (after.told !== before.told) explaining.add(attempt.exchange);
      line = situation.reach();
      before = snapshot(line);
    }
    expect(tried).toBeGreaterThanOrEqual(100);
    expect([...changing]).toEqual([]);
    expect([...explaining].sort()).toEqual([...explains].sort());
    // Message IDs, chains of IVs and what is remembered show in what follows.
    expect(aftermath(line)).toEqual(undisturbed);
    const listened = new Set<string>();
    for (const { said, make } of heard) {
      if (said === undefined || listened.has(said)) continue;
      line = situation.reach();
      before = snapshot(line);
      const octets = make(line);
      if (octets !== undefined) inject(line, octets, 500);
      if (snapshot(line).all !== before.all) listened.add(said);
    }
    expect([...listened].sort()).toEqual([...whitelist].sort());
  });
});

/** A port of the peer's that the engine never heard of: what is not to be heard must not move the path either. */
const elsewhere = 4_567;

function inject({ one }: Line, octets: Uint8Array, port: number): void {
  const path = { local: { address: a, port: 500 }, remote: { address: b, port } };
  one.handle({ kind: "datagram", octets, path });
}

interface Snapshot {
  /** Of the ISAKMP SA: its state, keys, peer, path, timers and IPsec SAs; what the kernel was asked. */
  readonly ownState: string;
  /** The same, and what else the engine holds, and has said that it had not said before. */
  readonly state: string;
  /** What people are told. */
  readonly told: string;
  readonly all: string;
}

function snapshot(line: Line): Snapshot {
  const { sa, one, timers, count } = line;
  const { state, remoteSpi, path, peer, remoteId, phase1Chain, nat, natTraversal, innerAddress, agreedSeconds } = sa;
  const { lastHeard, lastAnswered, establishedAt, askedFor, children, exchanges, deadPeers } = sa;
  const ownState = JSON.stringify([
    [state.kind, `${remoteSpi}`, path, peer?.name, remoteId?.text, sa.keying === undefined],
    [phase1Chain?.iv.toString("hex"), nat, natTraversal, innerAddress, agreedSeconds, askedFor.length],
    [lastHeard, lastAnswered, establishedAt, children.size, exchanges.isUnderWay, deadPeers.isAsking],
    timers,
    one.kernel.journal.length,
  ]);
  const engine = [count, one.engine.nextDeadline(), saidAnew(line)];
  const whole = `${ownState} ${JSON.stringify(engine)}`;
  const told = JSON.stringify([one.engine.status(), one.log.filter(({ event }) => event !== "message-dropped").length]);
  return { ownState, state: whole, told, all: `${whole} ${told}` };
}

/** Forgets what is said again, which changes nothing, and counts what is left. */
function saidAnew({ one: { sent } }: Line): number {
  for (let last = sent.at(-1); last !== undefined; last = sent.at(-1)) {
    const octets = Buffer.from(last.octets);
    if (sent.find((each) => octets.equals(each.octets)) === last) break;
    sent.pop();
  }
  return sent.length;
}

/** What the engine does from there on, for two minutes, when what was held back arrives: told without keys, SPIs and nonces. */
function aftermath(line: Line): unknown {
  const { world, one, sa } = line;
  const [sent, journal, log] = [one.sent.length, one.kernel.journal.length, one.log.length];
  const states: string[] = [];
  line.release();
  for (const pause of [...Array<number>(40).fill(500), ...Array<number>(20).fill(5_000)]) {
    world.run(pause);
    const { state, ikeSas, children } = one.peer();
    states.push(`${sa.state.kind} ${state} ${ikeSas.length} ${children[0]?.sas.length} ${one.engine.nextDeadline()}`);
  }
  return {
    states,
    sent: one.sent
      .slice(sent)
      .map(({ octets, path }) => [path, Buffer.from(octets.subarray(16)).toString("hex", 0, 4), octets.length]),
    journal: one.kernel.journal.slice(journal).map(({ kind }) => kind),
    log: one.log
      .slice(log)
      .flatMap(({ event, reason }) => (event === "message-dropped" ? [] : [[event, reason?.code]])),
  };
}
