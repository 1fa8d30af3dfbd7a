/** The section `daemon`: the process itself. */
import type { LogRecord } from "../../sa/log-record.ts";
import { quote } from "../problem.ts";
import { documented } from "./documentation.ts";
import { leaf, notThis, oneOf, section } from "./leaf.ts";

/** How much the log may tell. */
export type LogLevel = LogRecord["level"];

const logLevels: readonly LogLevel[] = ["error", "warn", "info", "debug"];

/** The section `daemon`. */
export const daemonSection = section({
  socket: documented(
    leaf<string>((value) => {
      // sun_path has 108 octets, its terminator included (unix(7)).
      if (typeof value === "string" && value.startsWith("/") && Buffer.byteLength(value) < 108) return { value };
      const what = "the absolute path of a socket, at most 107 octets";
      return { wrong: typeof value === "string" ? `is ${what}, not ${quote(value)}` : notThis(what, value) };
    }).optional(),
    {
      type: "absolute path",
      default: "`/run/underlock/control.sock`",
      meaning: "Where the daemon listens for `status`, `up`, `down` and the other commands.",
      example: "socket: /run/underlock/gw-a.sock",
    },
  ),
  "crash-secret": documented(
    leaf<string | false>((value) => {
      if (value === false || value === "off" || value === "no") return { value: false };
      if (typeof value === "string" && value.startsWith("/") && !value.includes("\0")) return { value };
      const what = "the absolute path of a file, or off";
      return { wrong: typeof value === "string" ? `is ${what}, not ${quote(value)}` : notThis(what, value) };
    }).optional(),
    {
      type: "absolute path, or off",
      default: "`/var/lib/underlock/crash.secret`",
      meaning:
        "Where the secret of quick crash detection (RFC 6290) is kept; made where there is none. With it, a peer that has lost nothing learns at its next request that we restarted. Turn it off where several gateways that are active at the same time share one address, and never copy the file to another host. Takes effect at start.",
      example: "crash-secret: /var/lib/underlock/gw-a.secret",
    },
  ),
  "log-level": documented(oneOf(logLevels).optional(), {
    type: logLevels.join(", "),
    default: "info",
    meaning: "What the log tells, this level and all before it.",
    example: "log-level: debug",
  }),
});
