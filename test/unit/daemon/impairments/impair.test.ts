import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Failure } from "../../../../src/daemon/failure.ts";
import { type Impaired, impair, impairSwitch } from "../../../../src/daemon/impairments/impair.ts";
import type { Kernel, KernelAnswer, KernelEvent, KernelRequest } from "../../../../src/kernel/port.ts";
import type { Log } from "../../../../src/observe/log.ts";
import type { Path } from "../../../../src/sa/path.ts";
import type { TransportListener } from "../../../../src/transport/transport.ts";
import { a, b, connected, ends, facing } from "../../engine/pair.ts";

const allowed = { [impairSwitch.name]: impairSwitch.value };
const path: Path = { local: { address: a, port: 500 }, remote: { address: b, port: 500 } };

function impaired(...texts: string[]): { daemon: Impaired; said: string[] } {
  const said: string[] = [];
  const log: Pick<Log, "say"> = { say: (level, event, sentence) => void said.push(`${level} ${event}: ${sentence}`) };
  return { daemon: impair(texts, allowed, log), said };
}

describe("the switch", () => {
  it("is needed", () => {
    const log: Pick<Log, "say"> = { say: () => undefined };
    for (const environment of [{}, { [impairSwitch.name]: "1" }]) {
      expect(() => impair(["fail set-policy 1"], environment, log)).toThrow(Failure);
      expect(() => impair([], environment, log)).toThrow("refused");
    }
  });

  it("is loud", () => {
    const { said } = impaired("fail set-policy 1", "ignore soft-expire 1");
    expect(said).toHaveLength(2);
    for (const line of said) expect(line).toMatch(/^error impaired: THIS DAEMON DOES WRONG ON PURPOSE/);
  });
});

/** An IKE message as far as the header goes, and an octet. */
function message(exchangeType: number, flags: number): Uint8Array {
  const octets = new Uint8Array(29).fill(7);
  octets.set([exchangeType, flags], 18);
  return octets;
}

/** What goes out of a transport whose daemon sends, and what comes to the daemon, of datagrams numbered by their last octet. */
async function transport(...texts: string[]) {
  const { daemon, said } = impaired(...texts);
  const out: Uint8Array[] = [];
  const came: Uint8Array[] = [];
  let listener: TransportListener | undefined;
  const subject = daemon.transport({
    endpoints: [],
    open: async (given) => {
      listener = given;
    },
    start: async () => undefined,
    listenOn: async () => undefined,
    send: (octets) => void out.push(octets),
    hasAddress: () => true,
    close: async () => undefined,
  });
  await subject.open(
    {
      datagram: (octets) => void came.push(octets),
      sendFailed: () => undefined,
      addressesChanged: () => undefined,
      notice: () => undefined,
    },
    "all",
  );
  return {
    said,
    out,
    came,
    send: (octets: Uint8Array) => subject.send(octets, path),
    receive: (octets: Uint8Array) => listener?.datagram(octets, path),
    close: () => subject.close(),
  };
}

describe("datagrams", () => {
  const request = () => message(36, 0x08);
  const response = () => message(36, 0x20);

  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("are dropped: those of the kind, of the direction, of the number", async () => {
    const { send, receive, out, came, said } = await transport("drop sent CREATE_CHILD_SA request 2-3");
    for (const octets of [request(), response(), message(37, 0), request(), request(), request()]) {
      send(octets);
      receive(octets);
    }
    expect(came).toHaveLength(6);
    expect(out).toEqual([request(), response(), message(37, 0), request()]);
    expect(said.slice(1)).toEqual([
      "warn impaired: impaired: drop sent CREATE_CHILD_SA request 2-3",
      "warn impaired: impaired: drop sent CREATE_CHILD_SA request 2-3",
    ]);
  });

  it("are repeated, each copy with octets of its own", async () => {
    const { receive, came } = await transport("repeat received any response 1");
    receive(request());
    receive(response());
    receive(response());
    expect(came).toEqual([request(), response(), response(), response()]);
    came[1]?.fill(0);
    expect(came[2]).toEqual(response());
  });

  it("are delayed, and forgotten at the end", async () => {
    const { send, out, close } = await transport("delay 300 sent CREATE_CHILD_SA message 1-2");
    send(request());
    send(response());
    send(message(37, 0));
    expect(out).toEqual([message(37, 0)]);
    await vi.advanceTimersByTimeAsync(299);
    expect(out).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(out).toEqual([message(37, 0), request(), response()]);
    const late = await transport("delay 300 sent any message every");
    late.send(request());
    await late.close();
    await vi.advanceTimersByTimeAsync(1000);
    expect([late.out, out]).toEqual([[], [message(37, 0), request(), response()]]);
    await close();
  });

  it("are mangled in their last octet, or lose their SPIs, in a copy", async () => {
    const { send, out } = await transport("mangle sent any request 1", "zero-spis sent any response every");
    const [first, second] = [request(), response()];
    send(first);
    send(second);
    expect([first, second]).toEqual([request(), response()]);
    expect(out[0]?.at(-1)).toBe(6);
    expect(out[0]?.subarray(0, 28)).toEqual(request().subarray(0, 28));
    expect([...(out[1]?.subarray(0, 16) ?? [])]).toEqual(new Array(16).fill(0));
    expect(out[1]?.subarray(16)).toEqual(response().subarray(16));
  });

  it("that are too short for a header pass", async () => {
    const { send, out } = await transport("drop sent any message every");
    send(Uint8Array.of(0xff));
    expect(out).toEqual([Uint8Array.of(0xff)]);
  });
});

describe("the kernel", () => {
  function kernel(...texts: string[]) {
    const { daemon } = impaired(...texts);
    const asked: KernelRequest["kind"][] = [];
    const events: KernelEvent[] = [];
    let report: (event: KernelEvent) => void = () => undefined;
    const real: Kernel = {
      request: ({ kind }) => {
        asked.push(kind);
        return { kind: "done" };
      },
      onEvent: (listener) => {
        report = listener;
      },
      close: () => undefined,
    };
    const subject = daemon.kernel(real);
    subject.onEvent((event) => void events.push(event));
    return { subject, asked, events, report: (event: KernelEvent) => report(event) };
  }

  const id = { protocol: "esp", spi: 1, destination: a } as const;

  it("keeps soft expires to itself, and nothing else", () => {
    const { report, events } = kernel("ignore soft-expire 2");
    const soft: KernelEvent = { kind: "expire", sa: id, hard: false, reqid: 1 };
    const hard: KernelEvent = { ...soft, hard: true };
    for (const event of [soft, hard, soft, soft, { kind: "overrun" } as const]) report(event);
    expect(events).toEqual([soft, hard, soft, { kind: "overrun" }]);
  });

  it("is not asked for a step that fails", () => {
    const { subject, asked } = kernel("fail allocate-spi 2");
    const request: KernelRequest = {
      kind: "allocateSpi",
      protocol: "esp",
      mode: "transport",
      source: a,
      destination: b,
      reqid: 1,
    };
    const kinds = [1, 2, 3].map(() => (subject.request(request) as KernelAnswer).kind);
    expect(kinds).toEqual(["done", "refused", "done"]);
    expect(asked).toEqual(["allocateSpi", "allocateSpi"]);
  });

  it.each(["allocate-spi", "install-inbound", "install-outbound", "set-policy"])(
    "fails at %s under an engine, which leaves nothing in clear and comes up at its next try",
    (step) => {
      const pair = ends();
      const [one, two] = [pair.one, pair.two];
      const { daemon, said } = impaired(`fail ${step} 1`);
      const wrapped = daemon.kernel({
        request: one.kernel.request.bind(one.kernel),
        onEvent: () => undefined,
        close: () => undefined,
      });
      const real = one.kernel.request.bind(one.kernel);
      let guard = false;
      one.kernel.request = (request) => {
        // The wrapper asks the very kernel that it stands before.
        if (guard) return real(request);
        guard = true;
        try {
          return wrapped.request(request) as ReturnType<typeof real>;
        } finally {
          guard = false;
        }
      };
      one.configure(facing(a));
      two.configure(facing(b, { initiate: false }));
      pair.world.run(120_000);
      expect(said.filter((line) => line.startsWith("warn"))).toEqual([`warn impaired: impaired: fail ${step} 1`]);
      expect(one.log.map(({ reason }) => reason?.code)).toContain("kernel-refused");
      expect(one.peer().children.map(({ state }) => state)).toEqual(["up"]);
    },
  );
});

describe("payloads", () => {
  function rewriting(text: string) {
    const { daemon, said } = impaired(text);
    const { rewrite, rewriteReceived } = daemon;
    const pair = connected({}, { one: { rewrite, rewriteReceived } });
    return { ...pair, said: said.slice(1) };
  }

  it("are as they should be in messages of another kind", () => {
    const { one, said } = rewriting("omit Nonce sent IKE_AUTH request 2");
    expect([one.peer().state, said]).toEqual(["up", []]);
  });

  it("are missing", () => {
    const { one, two, said } = rewriting("omit AUTH sent IKE_AUTH request 1");
    expect(said).toEqual(["warn impaired: impaired: omit AUTH sent IKE_AUTH request 1"]);
    expect(two.log.map(({ event }) => event)).toContain("ike-sa-failed");
    expect(one.log.map(({ event }) => event)).toContain("ike-sa-failed");
  });

  it("stand twice", () => {
    const { two, said } = rewriting("double SA sent IKE_SA_INIT request 1");
    expect(said).toHaveLength(1);
    expect(two.log.map(({ event }) => event)).not.toContain("internal-error");
  });

  it.each([
    ["omit AUTH received IKE_AUTH response 1", "wrong-auth-method"],
    ["omit SA received IKE_SA_INIT response 1-9", "no-answer"],
    ["omit TSi received IKE_AUTH response 1", "selectors-do-not-fit"],
    ["omit KE received IKE_SA_INIT response 1-9", "no-answer"],
  ])("of the peer's that are missing are seen to be: %s", (text, code) => {
    const { one, world, said } = rewriting(text);
    expect(said[0]).toBe(`warn impaired: impaired: ${text}`);
    world.run(300_000);
    expect(one.log.map(({ reason }) => reason?.code)).toContain(code);
    expect(one.log.map(({ event }) => event)).not.toContain("internal-error");
    expect(one.peer().state).toBe("up");
  });

  it.each([
    "double SA received IKE_SA_INIT response 1",
    "double AUTH received IKE_AUTH response 1",
    "double TSr received IKE_AUTH response 1",
    "zero-child-spis received IKE_AUTH response 1",
  ])("of the peer's: %s throws nothing, and the tunnel is up in the end", (text) => {
    const { one, world, said } = rewriting(text);
    expect(said).toContain(`warn impaired: impaired: ${text}`);
    world.run(300_000);
    expect(one.log.map(({ event }) => event)).not.toContain("internal-error");
    expect(one.peer().children.map(({ state }) => state)).toEqual(["up"]);
  });

  it("have no SPI", () => {
    const { one, two, said } = rewriting("zero-child-spis sent IKE_AUTH request 1");
    expect(said).toHaveLength(1);
    expect(two.kernel.request({ kind: "listSas" })).not.toMatchObject({ sas: [{ spi: 0 }] });
    expect(one.log.length).toBeGreaterThan(0);
  });
});
