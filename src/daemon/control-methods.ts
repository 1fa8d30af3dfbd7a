/** The methods of the control socket. */
import { type LogLevel, type LogLine, logLevels } from "../observe/log.ts";
import { ControlError, errorCodes } from "./control-protocol.ts";
import type { ControlMethod } from "./control-server.ts";
import { type OperatorHost, operate, type RekeyHost, rekey } from "./operator.ts";
import { type ExchangesHost, recentExchanges } from "./recent-exchanges.ts";
import { type RedirectHost, redirectCallers } from "./redirect-callers.ts";
import type { StatusReport } from "./status-report.ts";

/** What the methods need of the daemon. */
export interface ControlHost extends OperatorHost, RekeyHost, RedirectHost {
  report(): Promise<StatusReport>;
  /** Loads the file anew; throws ControlError where it is broken. */
  reload(): Promise<{ readonly peers: number }>;
  onLine(listener: (line: LogLine) => void): () => void;
  readonly version: string;
}

/** Every method by name; `exchanges` where messages are remembered. `subscribe` answers at once and then notifies `log` for each line of its level and above. */
export function controlMethods(host: ControlHost, exchanges?: ExchangesHost): ReadonlyMap<string, ControlMethod> {
  return new Map<string, ControlMethod>([
    ["status", () => host.report()],
    ["up", (params) => operate(host, "up", params)],
    ["down", (params) => operate(host, "down", params)],
    ["rekey", (params) => rekey(host, params)],
    ["redirect", (params) => redirectCallers(host, params)],
    ...(exchanges === undefined
      ? []
      : [["exchanges", (params: Readonly<Record<string, unknown>>) => recentExchanges(exchanges, params)] as const]),
    ["reload", () => host.reload()],
    ["version", () => ({ version: host.version, pid: process.pid })],
    [
      "subscribe",
      (params, client) => {
        const least = logLevels.indexOf(levelOf(params.level ?? "info"));
        const end = host.onLine((line) => {
          if (logLevels.indexOf(line.level) >= least) client.notify("log", line);
        });
        client.onClose(end);
        return { subscribed: true };
      },
    ],
  ]);
}

function levelOf(value: unknown): LogLevel {
  const level = logLevels.find((known) => known === value);
  if (level !== undefined) return level;
  throw new ControlError(errorCodes.invalidParams, `"level" must be one of ${logLevels.join(", ")}`);
}
