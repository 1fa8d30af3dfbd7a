import { describe, expect, it } from "vitest";
import { controlMethods } from "../../../src/daemon/control-methods.ts";
import { ControlError, errorCodes } from "../../../src/daemon/control-protocol.ts";
import type { ControlClient } from "../../../src/daemon/control-server.ts";
import type { LogLine } from "../../../src/observe/log.ts";

function host() {
  const listeners = new Set<(line: LogLine) => void>();
  const methods = controlMethods({
    version: "1.2.3",
    status: () => ({ peers: [], locks: [] }),
    report: () => Promise.reject(new Error("not asked here")),
    ask: () => undefined,
    onRecord: () => () => undefined,
    onLine: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    reload: async () => ({ peers: 0 }),
  });
  const heard: string[] = [];
  let close = (): void => undefined;
  const client: ControlClient = {
    notify: (method, params) => heard.push(`${method} ${(params as LogLine).level}`),
    onClose: (listener) => {
      close = listener;
    },
  };
  const call = (name: string, params = {}) => methods.get(name)?.(params, client);
  const log = (): void => {
    for (const level of ["debug", "info", "warn", "error"] as const)
      for (const listener of listeners) listener({ time: "", level, event: "control", msg: "" });
  };
  return { methods, call, log, heard, listeners, close: () => close() };
}

describe("the control socket's methods", () => {
  it("are these", () => {
    expect([...host().methods.keys()]).toEqual(["status", "up", "down", "reload", "version", "subscribe"]);
  });

  it("version", () => {
    expect(host().call("version")).toEqual({ version: "1.2.3", pid: process.pid });
  });

  it.each([
    [{}, ["log info", "log warn", "log error"]],
    [{ level: "error" }, ["log error"]],
    [{ level: "debug" }, ["log debug", "log info", "log warn", "log error"]],
  ])("subscribe %j streams %j until the client goes", (params, streamed) => {
    const { call, log, heard, listeners, close } = host();
    expect(call("subscribe", params)).toEqual({ subscribed: true });
    log();
    expect(heard).toEqual(streamed);
    close();
    expect(listeners.size).toBe(0);
  });

  it("subscribe refuses a level that is none", () => {
    const { call, listeners } = host();
    expect(() => call("subscribe", { level: "loud" })).toThrow(
      new ControlError(errorCodes.invalidParams, '"level" must be one of debug, info, warn, error'),
    );
    expect(listeners.size).toBe(0);
  });
});
