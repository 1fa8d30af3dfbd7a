import type { Message } from "../codec/message-reader.ts";
import { NETLINK_ROUTE } from "../socket/descriptor.ts";
import { EventSource, type SourceEvent } from "../socket/event-source.ts";
import { addressBody, type InterfaceAddress } from "./address.ts";
import { ROUTE_GROUP, RTM } from "./constants.ts";
import { type Link, linkBody } from "./link.ts";
import { type Neighbour, neighbourBody } from "./neighbour.ts";
import { type Route, routeBody } from "./route.ts";

/** What rtnetlink tells without being asked. "changed" is said of new ones too. */
export type RouteEvent =
  | { readonly kind: "link-changed"; readonly link: Link }
  | { readonly kind: "link-removed"; readonly link: Link }
  | { readonly kind: "address-changed"; readonly address: InterfaceAddress }
  | { readonly kind: "address-removed"; readonly address: InterfaceAddress }
  | { readonly kind: "route-changed"; readonly route: Route }
  | { readonly kind: "route-removed"; readonly route: Route }
  /** Forwarding entries too: their family is 7 (AF_BRIDGE). */
  | { readonly kind: "neighbour-changed"; readonly neighbour: Neighbour }
  | { readonly kind: "neighbour-removed"; readonly neighbour: Neighbour }
  /** A message of a type that this package does not know, as it came. */
  | { readonly kind: "unknown"; readonly type: number; readonly octets: Uint8Array };

/** How rtnetlink events are subscribed to. */
export interface RouteEventOptions {
  readonly groups: readonly (keyof typeof ROUTE_GROUP)[];
  /** Octets for events not yet read; 4 MiB when left out. */
  readonly receiveBuffer?: number;
}

/** Listens to changes of links, addresses, routes and neighbours until it is closed. */
export function watchRoutes(
  options: RouteEventOptions,
  listener: (event: RouteEvent | SourceEvent) => void,
): EventSource<RouteEvent> {
  return new EventSource<RouteEvent>({
    protocol: NETLINK_ROUTE,
    groups: options.groups.map((group) => ROUTE_GROUP[group]),
    receiveBuffer: options.receiveBuffer ?? 0x400000,
    read: readRouteEvent,
    listener,
  });
}

/** Reads a message of an rtnetlink multicast group. Throws MalformedMessageError. */
export function readRouteEvent(message: Message): RouteEvent {
  switch (message.type) {
    case RTM.newLink:
      return { kind: "link-changed", link: linkBody.read(message) };
    case RTM.delLink:
      return { kind: "link-removed", link: linkBody.read(message) };
    case RTM.newAddress:
      return { kind: "address-changed", address: addressBody.read(message) };
    case RTM.delAddress:
      return { kind: "address-removed", address: addressBody.read(message) };
    case RTM.newRoute:
      return { kind: "route-changed", route: routeBody.read(message) };
    case RTM.delRoute:
      return { kind: "route-removed", route: routeBody.read(message) };
    case RTM.newNeighbour:
      return { kind: "neighbour-changed", neighbour: neighbourBody.read(message) };
    case RTM.delNeighbour:
      return { kind: "neighbour-removed", neighbour: neighbourBody.read(message) };
    default:
      return { kind: "unknown", type: message.type, octets: message.octets.slice(message.start, message.end) };
  }
}
