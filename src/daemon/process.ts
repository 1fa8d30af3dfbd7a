/** The daemon as a process: start in an order that changes nothing before all is checked, signals, an end in peace. */
import type { Kernel } from "../kernel/port.ts";
import type { Log } from "../observe/log.ts";
import { TransportError } from "../transport/errors.ts";
import { type ControlHost, controlMethods } from "./control-methods.ts";
import { ControlError, errorCodes } from "./control-protocol.ts";
import { ControlSocketError, openControlServer } from "./control-server.ts";
import { type Configuration, Daemon, type DaemonOptions } from "./daemon.ts";
import { Failure } from "./failure.ts";
import { serviceManager } from "./notify.ts";
import { removeOurPolicies } from "./policies.ts";
import type { RecentDatagrams } from "./recent-datagrams.ts";
import { countPeers, Reloader } from "./reloader.ts";
import { Signals } from "./signals.ts";
import type { Warning } from "./warning.ts";

export interface ProcessOptions extends Omit<DaemonOptions, "kernel" | "kernelWarnings"> {
  readonly socketPath: string;
  /** Loads the file; throws Failure where nothing of it may be run. At a reload every error is one. */
  load(when: LoadOccasion): Promise<Configuration>;
  /** Opens the kernel and checks that it can do the work; throws Failure, and changes nothing. */
  openKernel(configuration: Configuration): Promise<{ readonly kernel: Kernel; readonly warnings: readonly Warning[] }>;
  readonly unlockOnExit: boolean;
  /** What `explain --live` asks for, where messages are remembered. */
  readonly recent?: RecentDatagrams;
  readonly environment: NodeJS.ProcessEnv;
}

/** `retry`: a DNS name gave no address at `start` or `reload`, and may do so now. */
export type LoadOccasion = "start" | "reload" | "retry";

/** Runs until a signal ends it; resolves when all is closed, throws Failure where it could not start. */
export async function runProcess(options: ProcessOptions): Promise<void> {
  const { log } = options;
  log.say("info", "daemon-started", `underlock ${options.version} starts with ${options.file}`, { pid: process.pid });
  const signals = new Signals();
  const configuration = await options.load("start");
  const host: Host = { daemon: undefined };
  const control = await openControl(options, host);
  try {
    const { kernel, warnings } = await options.openKernel(configuration);
    try {
      const daemon = new Daemon({ ...options, kernel, kernelWarnings: warnings });
      await startDaemon(daemon, configuration);
      const reloader = new Reloader(options, daemon, configuration);
      host.daemon = { daemon, reload: () => reloader.reload() };
      await serve(options, host.daemon, signals, configuration);
      host.daemon = undefined;
      await reloader.close();
      await stopDaemon(options, daemon, signals);
      if (options.unlockOnExit) {
        const count = await removeOurPolicies(kernel);
        log.say(
          "warn",
          "daemon-stopped",
          `${count} policies removed, as --unlock-on-exit asks: traffic may pass in clear`,
        );
      }
    } finally {
      kernel.close();
    }
  } finally {
    await control.close();
    signals.close();
  }
  log.say("info", "daemon-stopped", options.unlockOnExit ? "stopped" : "stopped; the policies stay locked");
}

/** An uncaught exception becomes one line of the log and exit status 1; what the kernel holds stays as it is. */
export function exitOnCrash(log: Log): void {
  const crash = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error);
    log.say(
      "error",
      "internal-error",
      `a fault of underlock's own, please report it: ${message}; policies and SAs stay`,
    );
    if (error instanceof Error && error.stack !== undefined) log.say("debug", "internal-error", error.stack);
    process.exit(1);
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
}

async function startDaemon(daemon: Daemon, configuration: Configuration): Promise<void> {
  try {
    await daemon.start(configuration);
  } catch (error) {
    if (error instanceof TransportError) throw new Failure(1, error.message);
    throw error;
  }
}

/** What the control socket serves: nothing yet, and nothing any more, while the daemon starts and stops. */
interface Host {
  daemon: Running | undefined;
}

interface Running {
  readonly daemon: Daemon;
  /** Loads and applies the file; a broken one leaves everything as it is, and is returned. */
  reload(): Promise<Failure | undefined>;
}

async function openControl(options: ProcessOptions, host: Host): Promise<{ close(): Promise<void> }> {
  const running = (): Running => {
    if (host.daemon !== undefined) return host.daemon;
    throw new ControlError(errorCodes.failed, "the daemon is starting or stopping: ask again in a moment");
  };
  const present = (): Daemon => running().daemon;
  const { recent } = options;
  const exchanges = recent === undefined ? undefined : { recent, peers: () => present().peers };
  const controlHost: ControlHost = {
    version: options.version,
    status: () => present().status(),
    report: () => present().report(),
    ask: (kind, peer) => present().ask(kind, peer),
    rekey: (peer, what) => present().rekey(peer, what),
    redirect: (peer, to) => present().redirect(peer, to),
    onRecord: (listener) => present().onRecord(listener),
    onLine: (listener) => present().onLine(listener),
    reload: async () => {
      const fault = await running().reload();
      if (fault !== undefined) throw new ControlError(errorCodes.configuration, fault.message, fault.details);
      return { peers: present().status().peers.length };
    },
  };
  const methods = controlMethods(controlHost, exchanges);
  try {
    return await openControlServer(options.socketPath, methods);
  } catch (error) {
    if (error instanceof ControlSocketError) throw new Failure(1, error.message);
    throw error;
  }
}

/** Until a signal asks for the end. */
async function serve(
  options: ProcessOptions,
  running: Running,
  signals: Signals,
  configuration: Configuration,
): Promise<void> {
  const manager = serviceManager(options.environment);
  const { peers } = configuration.desired;
  options.log.say("info", "daemon-ready", `ready: ${countPeers(peers.length)}`);
  manager.ready();
  while ((await signals.next()) === "SIGHUP") await running.reload();
  manager.stopping();
  manager.close();
}

async function stopDaemon({ log }: ProcessOptions, daemon: Daemon, signals: Signals): Promise<void> {
  log.say("info", "daemon-stopping", "stopping: telling the peers");
  const outcome = await Promise.race([daemon.stop(stopPatience), signals.next().then(() => "hurried" as const)]);
  if (outcome !== "stopped")
    log.say("warn", "daemon-stopping", "not every peer has acknowledged the end; it will notice by itself");
}

/** Milliseconds that peers have to acknowledge the end. */
const stopPatience = 5000;
