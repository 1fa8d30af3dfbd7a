/** What the engine is made of, and its parts share. */

import { CrashTokens } from "../ikev2/crash-token.ts";
import type { PayloadRewrite } from "../ikev2/host.ts";
import type { KeyWitness } from "../sa/key-witness.ts";
import { Admission } from "./admission.ts";
import type { EngineOptions } from "./engine.ts";
import { Lingering } from "./lingering.ts";
import { Outbox } from "./outbox.ts";
import { OwnAddresses } from "./own-addresses.ts";
import { PeerDirectory } from "./peer-directory.ts";
import { PolicyKeeper } from "./policy-keeper.ts";
import { Repairs } from "./repairs.ts";
import { RouteKeeper } from "./route-keeper.ts";
import { Running } from "./running.ts";
import { SaKeeper } from "./sa-keeper.ts";
import { TimerHeap } from "./timers.ts";
import { UnknownSpi } from "./unknown-spi.ts";
import { UnsupportedVersion } from "./unsupported-version.ts";

/** One of each: the keepers of what stands in the kernel, the tables, the timers, and the outbox that all of them write to. */
export class Parts {
  /** The engine's clock, in ms; it never goes back. */
  now = 0;
  readonly random: (length: number) => Uint8Array;
  readonly rewrite: PayloadRewrite | undefined;
  readonly rewriteReceived: PayloadRewrite | undefined;
  readonly keyWitness: KeyWitness | undefined;
  readonly outbox = new Outbox();
  readonly timers = new TimerHeap();
  readonly admission = new Admission();
  readonly directory = new PeerDirectory();
  readonly running = new Running();
  readonly ownAddresses = new OwnAddresses();
  readonly repairs = new Repairs(this.outbox, this.timers, () => this.now);
  readonly lingering = new Lingering(this.repairs, this.timers, (child) => this.policies.lingered(child));
  readonly routes = new RouteKeeper(this.outbox, this.repairs);
  readonly policies = new PolicyKeeper(
    this.repairs,
    (reqid) => this.standing.has(reqid),
    (reqid) => this.running.peerByReqid(reqid)?.desired.remote === "any",
  );
  readonly standing = new SaKeeper(
    this.repairs,
    this.timers,
    () => this.now,
    (reqid) => this.policies.unserved(reqid),
  );

  readonly crashTokens: CrashTokens | undefined;
  readonly unknownSpi: UnknownSpi;
  readonly unsupportedVersion: UnsupportedVersion = new UnsupportedVersion();

  constructor(options: EngineOptions) {
    this.random = (length) => options.random(length);
    this.rewrite = options.rewrite;
    this.rewriteReceived = options.rewriteReceived;
    this.keyWitness = options.keyWitness;
    this.crashTokens = options.crashSecret === undefined ? undefined : new CrashTokens(options.crashSecret);
    this.unknownSpi = new UnknownSpi(this.crashTokens);
  }
}
