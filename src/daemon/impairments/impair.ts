/** The daemon made to do wrong, for tests of what stands at the other end of it: refused unless a switch is set, and loud. */
import type { PayloadRewrite } from "../../ikev2/host.ts";
import type { Kernel } from "../../kernel/port.ts";
import type { Log } from "../../observe/log.ts";
import { Failure } from "../failure.ts";
import { ImpairedKernel } from "./impaired-kernel.ts";
import { impairedPayloads } from "./impaired-payloads.ts";
import { ImpairedTransport } from "./impaired-transport.ts";
import {
  type DatagramImpairment,
  type KernelImpairment,
  type PayloadImpairment,
  parseImpairment,
  type SoftExpireImpairment,
} from "./impairment.ts";
import { Occurrences } from "./occurrences.ts";

/** The switch: this variable of the environment must have this value. */
export const impairSwitch = { name: "UNDERLOCK_TEST_ONLY", value: "impair" } as const;

/** What the daemon is made of when it is impaired. */
export interface Impaired {
  readonly rewrite: PayloadRewrite;
  readonly rewriteReceived: PayloadRewrite;
  transport(transport: ConstructorParameters<typeof ImpairedTransport>[0]): ImpairedTransport;
  kernel(kernel: Kernel): Kernel;
}

/** Reads the impairments and says them in the log; throws Failure where the switch is not set or one cannot be read. */
export function impair(texts: readonly string[], environment: NodeJS.ProcessEnv, log: Pick<Log, "say">): Impaired {
  const { name, value } = impairSwitch;
  if (environment[name] !== value)
    throw new Failure(2, `--impair makes the daemon do wrong, for tests: refused, for ${name} is not "${value}"`);
  const tell = (text: string, count: number) => log.say("warn", "impaired", `impaired: ${text}`, { count });
  const datagrams = new Occurrences<DatagramImpairment>(tell);
  const payloads = new Occurrences<PayloadImpairment>(tell);
  const refusals = new Occurrences<KernelImpairment>(tell);
  const softExpires = new Occurrences<SoftExpireImpairment>(tell);
  for (const text of texts) {
    const impairment = parseImpairment(text);
    switch (impairment.kind) {
      case "datagram":
        datagrams.add(impairment, text);
        break;
      case "payload":
        payloads.add(impairment, text);
        break;
      case "kernel":
        refusals.add(impairment, text);
        break;
      case "soft-expire":
        softExpires.add(impairment, text);
        break;
    }
    log.say(
      "error",
      "impaired",
      `THIS DAEMON DOES WRONG ON PURPOSE, for a test, and must carry nobody's traffic: ${text}`,
    );
  }
  return {
    rewrite: impairedPayloads("sent", payloads),
    rewriteReceived: impairedPayloads("received", payloads),
    transport: (transport) => new ImpairedTransport(transport, datagrams),
    kernel: (kernel) => new ImpairedKernel(kernel, refusals, softExpires),
  };
}
