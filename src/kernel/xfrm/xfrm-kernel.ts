/**
 * The kernel port over Linux XFRM and rtnetlink: single requests are answered at once, lists while the event loop runs,
 * events come on the event loop.
 */
import { NetlinkSocket, watchXfrm } from "../../netlink-xfrm/index.ts";
import type { Kernel, KernelAnswer, KernelEvent, KernelRequest } from "../port.ts";
import { refused, requestFault } from "../request-check.ts";
import { probeAbilities } from "./abilities.ts";
import { kernelEvent } from "./events.ts";
import { Migration } from "./migration.ts";
import { PoliciesOfKernel } from "./policies.ts";
import { refusalOf } from "./refusal.ts";
import { RoutesOfKernel } from "./routes.ts";
import { SasOfKernel } from "./sas.ts";

/** Opens the kernel of the network namespace this thread is in. Throws SystemCallError where it has no XFRM netlink. */
export class XfrmKernel implements Kernel {
  readonly #xfrm: NetlinkSocket;
  readonly #route: NetlinkSocket;
  readonly #sas: SasOfKernel;
  readonly #policies: PoliciesOfKernel;
  readonly #routes: RoutesOfKernel;
  readonly #migration: Migration;
  readonly #listeners: ((event: KernelEvent) => void)[] = [];
  #events: { close(): void } | undefined;

  constructor() {
    this.#xfrm = NetlinkSocket.xfrm();
    try {
      this.#route = NetlinkSocket.route();
    } catch (error) {
      this.#xfrm.close();
      throw error;
    }
    this.#sas = new SasOfKernel(this.#xfrm);
    this.#policies = new PoliciesOfKernel(this.#xfrm);
    this.#routes = new RoutesOfKernel(this.#route);
    this.#migration = new Migration(this.#xfrm, this.#policies);
  }

  request(request: KernelRequest): KernelAnswer | Promise<KernelAnswer> {
    const fault = requestFault(request);
    if (fault !== undefined) return refused(request.kind, "EINVAL", fault);
    try {
      const answer = this.#carryOut(request);
      if (!(answer instanceof Promise)) return answer;
      return answer.catch((error: unknown) => refusalOf(request.kind, error));
    } catch (error) {
      return refusalOf(request.kind, error);
    }
  }

  /** The first listener subscribes: as long as nobody listens, the kernel raises no acquire and makes no larval SA. */
  onEvent(listener: (event: KernelEvent) => void): void {
    this.#listeners.push(listener);
    if (this.#events === undefined) this.#listen();
  }

  close(): void {
    this.#events?.close();
    this.#listeners.length = 0;
    this.#xfrm.close();
    this.#route.close();
  }

  #carryOut(request: KernelRequest): KernelAnswer | Promise<KernelAnswer> {
    switch (request.kind) {
      case "allocateSpi":
        return this.#sas.allocateSpi(request);
      case "installSa":
        return this.#sas.install(request);
      case "deleteSa":
        return this.#sas.delete(request);
      case "querySa":
        return this.#sas.query(request);
      case "querySas":
        return this.#sas.queryMany(request);
      case "clearAcquire":
        return this.#sas.clearAcquire(request);
      case "migrate":
        return this.#migration.carryOut(request.move);
      case "probe":
        return { kind: "abilities", abilities: probeAbilities(this.#xfrm) };
      case "setPolicy":
        return this.#policies.set(request);
      case "deletePolicy":
        return this.#policies.delete(request);
      case "listSas":
        return this.#sas.list();
      case "listPolicies":
        return this.#policies.list();
      case "setRoute":
        return this.#routes.set(request.route);
      case "deleteRoute":
        return this.#routes.delete(request.route);
    }
  }

  #listen(): void {
    this.#events = watchXfrm({ groups: ["acquire", "expire", "mapping"] }, (event) => {
      // A broken socket says nothing more; what it would have said is lost, which the overrun tells.
      if (event.kind === "failed") this.#listen();
      const translated = kernelEvent(event);
      if (translated !== undefined) this.#tell(translated);
    });
  }

  #tell(event: KernelEvent): void {
    if (event.kind === "expire" && event.hard) this.#sas.expired(event.sa);
    for (const listener of this.#listeners) listener(event);
  }
}
