/** Tells systemd that the daemon is ready and alive, where it asks for that (sd_notify(3)). */
import { execFile } from "node:child_process";

export interface ServiceManager {
  ready(): void;
  stopping(): void;
  close(): void;
}

/**
 * Speaks through systemd-notify(1), because Node has no UNIX datagram socket; the unit needs `NotifyAccess=all`.
 * Does nothing where NOTIFY_SOCKET is not set. The watchdog is fed at half its time, and only while the event loop turns.
 */
export function serviceManager(environment: NodeJS.ProcessEnv): ServiceManager {
  if (environment.NOTIFY_SOCKET === undefined) return { ready() {}, stopping() {}, close() {} };
  const notify = (...words: string[]): void => {
    // Failing to tell is no reason to stop: systemd judges by its own timeouts.
    execFile("systemd-notify", [`--pid=${process.pid}`, ...words], () => undefined);
  };
  const microseconds = Number(environment.WATCHDOG_USEC);
  let watchdog: NodeJS.Timeout | undefined;
  return {
    ready() {
      notify("--ready");
      if (microseconds > 0) watchdog = setInterval(() => notify("WATCHDOG=1"), microseconds / 2000);
    },
    stopping: () => notify("STOPPING=1"),
    close: () => clearInterval(watchdog),
  };
}
