/** What the main file says outside `peers`. */
import { lockOf, type ProtectLine } from "../overlay/expand.ts";
import { type FloodLimits, floodDefaults, type LockDesired } from "../sa/desired.ts";
import { ikePortClash } from "./children.ts";
import type { ConfigurationFile } from "./configuration-file.ts";
import { errorAt, type Finding } from "./problem.ts";
import { daemonSection, type LogLevel } from "./schema/daemon.ts";
import { localSection } from "./schema/local.ts";
import { defaultsSection } from "./schema/peer.ts";
import { topSection } from "./schema/schema.ts";
import { isSection, readSection, unknownKey, type Values } from "./shape.ts";

export interface DaemonSettings {
  readonly socket: string | undefined;
  readonly logLevel: LogLevel | undefined;
  /** False: there is to be none. */
  readonly crashSecret: string | false | undefined;
}

export interface Top {
  readonly local: Values<(typeof localSection)["shape"]>;
  readonly defaults: Values<(typeof defaultsSection)["shape"]>;
  readonly daemon: DaemonSettings;
  readonly locks: readonly LockDesired[];
  /** Undefined where the file says nothing of it. */
  readonly flood: FloodLimits | undefined;
  /** As the file names them. */
  readonly include: readonly string[];
  readonly fatal: boolean;
}

/** Adds what is wrong to the file; `fatal` where any of it is an error. */
export function readTop(main: ConfigurationFile): Top {
  const content = sectionsOf(main);
  const local = readSection(localSection, content.local, ["local"]);
  const defaults = readSection(defaultsSection, content.defaults, ["defaults"]);
  const daemon = readSection(daemonSection, content.daemon, ["daemon"]);
  const include = readSection(includeSection, { include: content.include }, []);
  const locks = readLocks(local.values.lock ?? []);
  for (const { findings } of [local, defaults, daemon, include, locks]) main.add(...findings);
  return {
    local: local.values,
    defaults: defaults.values,
    daemon: {
      socket: daemon.values.socket,
      logLevel: daemon.values["log-level"],
      crashSecret: daemon.values["crash-secret"],
    },
    locks: locks.locks,
    flood: local.values.flood === undefined ? undefined : floodLimits(local.values.flood),
    include: include.values.include ?? [],
    fatal: main.hasErrorOutside("peers"),
  };
}

function sectionsOf(main: ConfigurationFile): Readonly<Record<string, unknown>> {
  const possible = Object.keys(topSection.shape);
  if (main.root === undefined) return {};
  const { value } = main.root;
  if (isSection(value)) {
    for (const key of Object.keys(value)) if (!possible.includes(key)) main.add(unknownKey([key], key, possible));
    return value;
  }
  main.add(errorAt([], `the file holds no configuration. Its keys are ${possible.join(", ")}`));
  return {};
}

function floodLimits(given: NonNullable<Top["local"]["flood"]>): FloodLimits {
  return {
    halfOpen: given["half-open"] ?? floodDefaults.halfOpen,
    cookiesAbove: given["cookies-above"] ?? floodDefaults.cookiesAbove,
    cookiesAboveByNetwork: given["cookies-above-by-network"] ?? floodDefaults.cookiesAboveByNetwork,
    keyExchangesByNetwork: given["key-exchanges-by-network"] ?? floodDefaults.keyExchangesByNetwork,
  };
}

function readLocks(entries: readonly Exclude<ProtectLine, { kind: "tunnel" }>[]): {
  locks: readonly LockDesired[];
  findings: readonly Finding[];
} {
  const locks = new Map<string, LockDesired>();
  const findings: Finding[] = [];
  for (const [i, entry] of entries.entries()) {
    const lock = lockOf(entry.kind, "port" in entry ? entry.port : undefined);
    const path = ["local", "lock", i];
    const clash = ikePortClash(entry, [500, 4500]);
    const same = `${lock.protocol} ${lock.port ?? ""}`;
    if (clash !== undefined) findings.push(errorAt(path, clash));
    else if (locks.has(same)) findings.push(errorAt(path, `locks the same as ${locks.get(same)?.name}: one is enough`));
    else locks.set(same, lock);
  }
  return { locks: [...locks.values()], findings };
}

const includeSection = topSection.pick({ include: true });
