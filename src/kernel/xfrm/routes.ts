/** Routes to remote subnets that prefer a source address inside the local one; marked as ours by their rtm_protocol. */

import { type Address, anyPrefix, familyOf, formatPrefix, type Prefix, prefixCovers } from "../../negotiate/address.ts";
import {
  delRoute,
  dumpAddresses,
  dumpRoutes,
  getRoute,
  type NetlinkSocket,
  newRoute,
  ownAddress,
  type RouteInput,
  replaceRoute,
  tableOf,
  type Route as XfrmRoute,
} from "../../netlink-xfrm/index.ts";
import { type KernelAnswer, type Route, routeProtocol } from "../port.ts";
import { canonicalPrefix, refused, sameAddress } from "../request-check.ts";
import { unless } from "./refusal.ts";

export class RoutesOfKernel {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  set(route: Route): KernelAnswer {
    const preferredSource = this.#addressIn(route.localSubnet);
    if (preferredSource === undefined) return { kind: "done", skipped: "no-local-address" };
    const towards = this.#socket.request(getRoute({ destination: route.via }));
    const input: RouteInput = {
      ...destinationOf(route),
      ...(towards.outputInterface === undefined ? {} : { outputInterface: towards.outputInterface }),
      // A peer on the same link is its own next hop: nobody is asked for the hardware addresses of inner hosts.
      gateway: towards.gateway ?? route.via,
      preferredSource,
    };
    if (unless(["EEXIST"], () => this.#added(input)) === true) return done;
    const standing = this.#standing(route.destination);
    if (standing !== undefined && standing.protocol !== routeProtocol)
      return refused("setRoute", "EEXIST", `another owner has a route to this subnet: ${describeRoute(standing)}`);
    this.#socket.request(replaceRoute(input));
    return done;
  }

  /** The kernel deletes no route of another protocol number than the one in the request. */
  delete(route: Route): KernelAnswer {
    this.#socket.request(delRoute(destinationOf(route)));
    return done;
  }

  #added(input: RouteInput): true {
    this.#socket.request(newRoute(input));
    return true;
  }

  #addressIn(subnet: Prefix): Address | undefined {
    const family = afOf(subnet.address);
    const own = this.#socket.dump(dumpAddresses({ family })).map(ownAddress);
    return own.find((address) => address !== undefined && prefixCovers(subnet, address));
  }

  /** The route of the main table that is in the way of one of ours: same destination, and the metric that ours gets. */
  #standing(destination: Prefix): XfrmRoute | undefined {
    const { address, length } = canonicalPrefix(destination);
    const family = afOf(address);
    return this.#socket
      .dump(dumpRoutes({ family, table: mainTable }))
      .find(
        (candidate) =>
          tableOf(candidate) === mainTable &&
          candidate.destinationPrefix === length &&
          sameAddress(candidate.destination ?? anyPrefix(familyOf(address)).address, address) &&
          (candidate.metric ?? 0) === (family === afInet ? 0 : defaultIpv6Metric),
      );
  }
}

function destinationOf(route: Route): RouteInput {
  const { address, length } = canonicalPrefix(route.destination);
  const head = { family: afOf(address), destinationPrefix: length, protocol: routeProtocol };
  return length === 0 ? head : { ...head, destination: address };
}

/** In the words of `ip route`. */
function describeRoute(route: XfrmRoute): string {
  const destination = route.destination ?? anyPrefix(route.family === afInet ? 4 : 6).address;
  const prefix = formatPrefix({ address: destination, length: route.destinationPrefix });
  const via = route.gateway === undefined ? "" : ` via ${route.gateway}`;
  return `${prefix}${via} dev ${route.outputInterface ?? "none"} proto ${route.protocol} metric ${route.metric ?? 0}`;
}

function afOf(address: Address): number {
  return familyOf(address) === 4 ? afInet : afInet6;
}

const done: KernelAnswer = { kind: "done" };
const afInet = 2;
const afInet6 = 10;
const mainTable = 254;
/** IP6_RT_PRIO_USER: what an IPv6 route gets where no metric is asked for. */
const defaultIpv6Metric = 1024;
