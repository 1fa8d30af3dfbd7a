/** SAs of the real kernel that go to other addresses or ports, with XFRM_MSG_MIGRATE and, for ports alone, UPDSA. */
import { anyPrefix, familyOf, hostPrefix } from "../../negotiate/address.ts";
import type { Selector } from "../../negotiate/selector.ts";
import { getSa, migrate, type Sa, type SaInput, updSa } from "../../netlink-xfrm/index.ts";
import { isOurReqid } from "../ownership.ts";
import type { KernelAnswer, Policy, SaEnds, SaMove } from "../port.ts";
import { refused, sameAddress, sameEnds } from "../request-check.ts";
import type { PoliciesOfKernel } from "./policies.ts";
import { directionToXfrm, policyKey } from "./policy-message.ts";
import { probeKey } from "./probe-sa.ts";
import { unless } from "./refusal.ts";
import { identity } from "./sa-message.ts";
import type { XfrmSocket } from "./xfrm-socket.ts";

/**
 * What MIGRATE does (docs/kernel.md): in one policy it changes the templates that name the old addresses, and it moves
 * one SA, the newest of the reqid and the old addresses, whatever its direction. The new SA stands before the template
 * names it, and the old one goes after, so that nothing is dropped under that policy. Other policies of the same SA
 * are changed by us: on the way in they take any address meanwhile; on the way out they follow at once.
 */
export class Migration {
  readonly #socket: XfrmSocket;
  readonly #policies: PoliciesOfKernel;

  constructor(socket: XfrmSocket, policies: PoliciesOfKernel) {
    this.#socket = socket;
    this.#policies = policies;
  }

  carryOut(move: SaMove): KernelAnswer {
    const standing: Sa[] = [];
    for (const spi of move.spis) {
      const sa = this.#find(move, move.from, spi);
      if (sa === undefined) return refused("migrate", "ESRCH", `no SA of ours with SPI 0x${spi.toString(16)} to move`);
      standing.push(sa);
    }
    const { encapsulation } = move.to;
    if (sameEnds(move.from, move.to) && encapsulation === undefined) return this.#setPolicies(move.policies);
    if (sameEnds(move.from, move.to) && encapsulation !== undefined && standing.every(isEncapsulated)) {
      for (const sa of standing) this.#socket.request(updSa(withPorts(sa, encapsulation)));
      return this.#setPolicies(move.policies);
    }
    return this.#moveAll(move);
  }

  #moveAll(move: SaMove): KernelAnswer {
    const inbound = move.direction === "in";
    if (inbound) {
      const widened = this.#setPolicies(move.policies.map(widen));
      if (widened.kind === "refused") return widened;
    }
    const vehicle = vehicleFor(move);
    try {
      for (const [i, spi] of move.spis.entries()) {
        const own = i === 0 && !inbound ? move.policies.find(({ direction }) => direction === "out") : undefined;
        if (own === undefined || !this.#through(own.selector, move)) {
          const answer = this.#policies.set({ kind: "setPolicy", policy: vehicle });
          if (answer.kind === "refused") return answer;
          this.#through(vehicle.selector, move);
        }
        if (this.#find(move, move.to, spi) === undefined)
          return refused("migrate", "EBUSY", `the SA with SPI 0x${spi.toString(16)} was not the newest one to move`);
      }
    } finally {
      const { selector, direction } = vehicle;
      unless(["ENOENT"], () => this.#policies.delete({ kind: "deletePolicy", selector, direction }));
    }
    return this.#setPolicies(move.policies);
  }

  /** Whether that policy stood and named the old addresses. */
  #through(selector: Selector, { direction, protocol, mode, reqid, from, to }: SaMove): boolean {
    const step = {
      oldSource: from.source,
      oldDestination: from.destination,
      newSource: to.source,
      newDestination: to.destination,
      protocol,
      mode,
      reqid,
    };
    const { encapsulation } = to;
    const request = migrate({
      ...policyKey(selector, direction),
      direction: directionToXfrm[direction],
      steps: [step],
      ...(encapsulation === undefined ? {} : { encapsulation: { type: "espInUdp", ...encapsulation } }),
    });
    return (
      unless(["ENOENT", "ENODATA"], () => {
        this.#socket.request(request);
        return true;
      }) === true
    );
  }

  #setPolicies(policies: readonly Policy[]): KernelAnswer {
    for (const policy of policies) {
      const answer = this.#policies.set({ kind: "setPolicy", policy });
      if (answer.kind === "refused") return answer;
    }
    return { kind: "done" };
  }

  /** The SA where it stands between these ends, complete and ours. */
  #find({ protocol }: SaMove, ends: SaEnds, spi: number): Sa | undefined {
    const id = identity({ protocol, spi, destination: ends.destination });
    const sa = unless(["ESRCH"], () => this.#socket.request(getSa(id)));
    const complete = sa?.aead !== undefined || sa?.authTrunc !== undefined;
    if (!complete || !isOurReqid(sa.reqid) || sa.source === undefined) return undefined;
    return sameAddress(sa.source, ends.source) ? sa : undefined;
  }
}

/**
 * UPDSA on an SA that stands changes ports and limits only and never reads the keys, but it wants an SA that could be
 * installed: the keys given are of the right length and nothing else.
 */
function withPorts(sa: Sa, ports: { readonly sourcePort: number; readonly destinationPort: number }): SaInput {
  const { aead, authTrunc, crypt } = sa;
  return {
    ...identity({ protocol: sa.protocol === "ah" ? "ah" : "esp", spi: sa.spi, destination: sa.destination ?? "" }),
    ...(sa.source === undefined ? {} : { source: sa.source }),
    selector: sa.selector,
    mode: sa.mode,
    reqid: sa.reqid,
    flags: sa.flags,
    lifetime: sa.lifetime,
    replayWindow: sa.replayWindow,
    ...(sa.replayEsn === undefined ? {} : { replayEsn: { window: sa.replayEsn.window } }),
    ...(aead === undefined ? {} : { aead: { ...aead, key: probeKey((aead.keyBits ?? 0) / 8) } }),
    ...(authTrunc === undefined ? {} : { authTrunc: { ...authTrunc, key: probeKey((authTrunc.keyBits ?? 0) / 8) } }),
    ...(crypt === undefined ? {} : { crypt: { ...crypt, key: probeKey((crypt.keyBits ?? 0) / 8) } }),
    encapsulation: { type: "espInUdp", ...ports },
  };
}

function isEncapsulated(sa: Sa): boolean {
  return sa.encapsulation !== undefined;
}

/** The same policy with a template that takes an SA between any addresses; the reqid still ties it to ours. */
function widen(policy: Policy): Policy {
  const { action } = policy;
  if (action.kind !== "protected" || action.template.mode !== "tunnel") return policy;
  const any = anyPrefix(familyOf(action.template.source)).address;
  return { ...policy, action: { kind: "protected", template: { ...action.template, source: any, destination: any } } };
}

/** MIGRATE wants a policy: this one names the old addresses and matches no packet. */
function vehicleFor({ direction, protocol, mode, reqid, from }: SaMove): Policy {
  const [source, destination] = familyOf(from.source) === 4 ? ["192.0.2.85", "192.0.2.86"] : ["100::85", "100::86"];
  const experimental = 253;
  return {
    selector: { source: hostPrefix(source), destination: hostPrefix(destination), protocol: experimental },
    direction,
    priority: 1_000_000,
    action: { kind: "protected", template: { protocol, mode, reqid, ...from } },
  };
}
