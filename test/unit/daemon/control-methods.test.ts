import { describe, expect, it } from "vitest";
import { controlMethods } from "../../../src/daemon/control-methods.ts";
import { ControlError, errorCodes } from "../../../src/daemon/control-protocol.ts";
import type { ControlClient } from "../../../src/daemon/control-server.ts";
import type { PeerStatus } from "../../../src/engine/status.ts";
import type { LogLine } from "../../../src/observe/log.ts";

function host(peers: readonly PeerStatus[] = []) {
  const rekeyed: string[] = [];
  const listeners = new Set<(line: LogLine) => void>();
  const methods = controlMethods({
    version: "1.2.3",
    status: () => ({ peers, locks: [] }),
    report: () => Promise.reject(new Error("not asked here")),
    ask: () => undefined,
    rekey: (peer, what) => rekeyed.push(`${peer} ${what}`),
    redirect: () => undefined,
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
  return { methods, rekeyed, call, log, heard, listeners, close: () => close() };
}

function peer(name: string, state: PeerStatus["state"]): PeerStatus {
  return { name, state, since: 0, attempts: 0, localId: "a", remoteId: "b", ikeSas: [], children: [] };
}

describe("the control socket's methods", () => {
  it("are these", () => {
    expect([...host().methods.keys()]).toEqual([
      "status",
      "up",
      "down",
      "rekey",
      "redirect",
      "reload",
      "version",
      "subscribe",
    ]);
  });

  it("rekey begins with the Child SAs or the IKE SA of a peer that is up", () => {
    const { call, rekeyed } = host([peer("site-b", "up")]);
    expect(call("rekey", { peer: "site-b" })).toEqual({ peer: "site-b", rekeying: "children" });
    expect(call("rekey", { peer: "site-b", what: "ike" })).toEqual({ peer: "site-b", rekeying: "ike" });
    expect(rekeyed).toEqual(["site-b children", "site-b ike"]);
  });

  it.each([
    [{}, errorCodes.invalidParams, '"peer" must be the name of a peer'],
    [{ peer: "site-b", what: "all" }, errorCodes.invalidParams, '"what" must be children or ike'],
    [{ peer: "site-x" }, errorCodes.unknownPeer, 'no peer is named "site-x"; did you mean "site-b"?'],
    [{ peer: "site-c" }, errorCodes.failed, "site-c is not up: there is nothing to rekey"],
  ])("rekey %j is refused", (params, code, sentence) => {
    const { call, rekeyed } = host([peer("site-b", "up"), peer("site-c", "connecting")]);
    expect(() => call("rekey", params)).toThrow(expect.objectContaining({ code, message: sentence }));
    expect(rekeyed).toEqual([]);
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
