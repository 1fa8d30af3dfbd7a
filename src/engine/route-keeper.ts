/** Routes to remote subnets, one for each, for as long as a Child SA carries it. */
import type { KernelRequest, Route } from "../kernel/port.ts";
import { formatPrefix } from "../negotiate/address.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import type { Outbox } from "./outbox.ts";
import type { Repairs } from "./repairs.ts";

export class RouteKeeper {
  readonly #outbox: Outbox;
  readonly #repairs: Repairs;
  readonly #users = new Map<string, Set<ChildSa>>();

  constructor(outbox: Outbox, repairs: Repairs) {
    this.#outbox = outbox;
    this.#repairs = repairs;
  }

  add(child: ChildSa): void {
    for (const route of routesOf(child)) {
      const key = formatPrefix(route.destination);
      const users = this.#users.get(key) ?? new Set();
      this.#users.set(key, users.add(child));
      if (users.size === 1) this.#set(route, child);
    }
  }

  /** The Child SA has another peer address now, towards which packets may leave another way. */
  moved(child: ChildSa): void {
    for (const route of routesOf(child)) {
      if (this.#users.get(formatPrefix(route.destination))?.has(child) === true) this.#set(route, child);
    }
  }

  remove(child: ChildSa): void {
    for (const route of routesOf(child)) {
      const key = formatPrefix(route.destination);
      const users = this.#users.get(key);
      if (users?.delete(child) !== true || users.size > 0) continue;
      this.#users.delete(key);
      this.#repairs.insist({ kind: "deleteRoute", route });
    }
  }

  /** A route that cannot be had is no reason to take the tunnel down: the operator may have his own. */
  #set(route: Route, child: ChildSa): void {
    const request: KernelRequest = { kind: "setRoute", route };
    this.#repairs.supersede(request);
    this.#outbox.kernel([request], ([answer]) => {
      if (answer?.kind !== "refused") return;
      this.#outbox.log({
        level: "warn",
        event: "route-failed",
        child: child.desired.name,
        reason: { code: "kernel-refused", ...answer.refusal },
      });
    });
  }
}

function routesOf(child: ChildSa): Route[] {
  if (child.mode !== "tunnel" || !child.desired.route) return [];
  return child.selectors.map(({ source, destination }) => ({ destination, localSubnet: source, via: child.remote }));
}
