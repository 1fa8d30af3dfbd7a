import { AF_INET, AF_UNSPEC, addressLength, familyOf } from "../codec/address.ts";
import {
  addressAttribute,
  attributes,
  nested,
  u8Attribute,
  u32Attribute,
  type WithUnknown,
} from "../codec/attribute.ts";
import { body } from "../codec/body.ts";
import { type Dump, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, type Request } from "../codec/request.ts";
import { choice, struct, u8, u32 } from "../codec/struct.ts";
import {
  ROUTE_PROTOCOL,
  ROUTE_SCOPE,
  ROUTE_TABLE,
  ROUTE_TYPE,
  type RouteProtocol,
  type RouteScope,
  type RouteType,
  RTM,
} from "./constants.ts";
import { type NextHop, nextHops, via } from "./next-hop.ts";

/** The fixed part of a route. */
export interface RouteHead {
  /** 2 (IPv4) or 10 (IPv6). */
  family: number;
  destinationPrefix: number;
  sourcePrefix: number;
  tos: number;
  /** Low 8 bits of the table; see `table`. */
  shortTable: number;
  /** Who made it. */
  protocol: RouteProtocol | number;
  scope: RouteScope | number;
  type: RouteType | number;
  /** RTM_F_* and RTNH_F_* bits. */
  flags: number;
}

/** `struct rtmsg`. */
const routeHead = struct<RouteHead>("rtmsg", {
  size: 12,
  fields: {
    family: [0, u8],
    destinationPrefix: [1, u8],
    sourcePrefix: [2, u8],
    tos: [3, u8],
    shortTable: [4, u8],
    protocol: [5, choice<RouteProtocol>(u8, ROUTE_PROTOCOL)],
    scope: [6, choice<RouteScope>(u8, ROUTE_SCOPE)],
    type: [7, choice<RouteType>(u8, ROUTE_TYPE)],
    flags: [8, u32],
  },
});

/** Numbers that TCP and the path MTU take from a route. */
export interface RouteMetrics {
  /** Bits of the metrics that are fixed: 1 << 2 is the mtu. */
  lock?: number;
  mtu?: number;
  advertisedMss?: number;
}

/** What a route has beside its fixed part. */
export interface RouteAttributes {
  /** Missing in a default route. */
  destination?: string;
  source?: string;
  inputInterface?: number;
  outputInterface?: number;
  gateway?: string;
  /** A gateway of the other family. */
  via?: string;
  /** Smaller goes first. */
  metric?: number;
  /** The source address that packets get when they have none. */
  preferredSource?: string;
  metrics?: RouteMetrics & WithUnknown;
  nextHops?: readonly NextHop[];
  table?: number;
  mark?: number;
  /** Of a next-hop object. */
  nextHopId?: number;
  /** RFC 4191: 0 medium, 1 high, 3 low. */
  preference?: number;
  uid?: number;
}

const routeAttributes = attributes<RouteAttributes>("route", {
  destination: [1, addressAttribute],
  source: [2, addressAttribute],
  gateway: [5, addressAttribute],
  via: [18, via],
  preferredSource: [7, addressAttribute],
  inputInterface: [3, u32Attribute],
  outputInterface: [4, u32Attribute],
  metric: [6, u32Attribute],
  metrics: [
    8,
    nested(
      attributes<RouteMetrics>("route metrics", {
        lock: [1, u32Attribute],
        mtu: [2, u32Attribute],
        advertisedMss: [8, u32Attribute],
      }),
    ),
  ],
  nextHops: [9, nextHops],
  table: [15, u32Attribute],
  mark: [16, u32Attribute],
  nextHopId: [30, u32Attribute],
  preference: [20, u8Attribute],
  uid: [25, u32Attribute],
});

/** A route as the kernel tells it. */
export type Route = RouteHead & RouteAttributes & WithUnknown;

/** Payload of the route messages. */
export const routeBody = body(routeHead, routeAttributes);

/** What else decides about the route of a packet. */
export interface RouteQuery {
  destination: string;
  source?: string;
  outputInterface?: number;
  mark?: number;
}

/** Asks which route a packet takes; `preferredSource` is the source address that it gets. ENETUNREACH where there is none. */
export function getRoute(query: RouteQuery): Request<Route> {
  const family = familyOf(query.destination);
  const whole = addressLength(family) * 8;
  return {
    name: "RTM_GETROUTE",
    type: RTM.getRoute,
    flags: 0,
    write: (writer) =>
      routeBody.write(writer, {
        ...query,
        family,
        destinationPrefix: whole,
        sourcePrefix: query.source === undefined ? 0 : whole,
        // IPv6 refuses the flag and names the table unasked.
        flags: family === AF_INET ? RTM_F_LOOKUP_TABLE : 0,
      }),
    reply: { type: RTM.newRoute, read: (message) => routeBody.read(message) },
  };
}

/** The answer then names the table in which the route was found. */
const RTM_F_LOOKUP_TABLE = 0x1000;

/** Which routes a dump lists; the kernel filters, and what an older one does not filter is left out here. */
export interface RouteFilter {
  family?: number;
  protocol?: RouteProtocol | number;
  table?: number;
  outputInterface?: number;
}

/** Lists routes. */
export function dumpRoutes(filter: RouteFilter = {}): Dump<Route> {
  const { family = AF_UNSPEC, protocol, table, outputInterface } = filter;
  const wanted = (route: Route): boolean =>
    (protocol === undefined || route.protocol === protocol) &&
    (table === undefined || tableOf(route) === table) &&
    (outputInterface === undefined || route.outputInterface === outputInterface);
  return {
    name: "RTM_GETROUTE dump",
    type: RTM.getRoute,
    itemType: RTM.newRoute,
    write: (writer) =>
      routeBody.write(writer, {
        family,
        ...(protocol !== undefined && { protocol }),
        ...(table !== undefined && { table }),
        ...(outputInterface !== undefined && { outputInterface }),
      }),
    read(message) {
      const route = routeBody.read(message);
      return wanted(route) ? route : undefined;
    },
  };
}

/** The routing table that a route is in. */
export function tableOf(route: Pick<Route, "table" | "shortTable">): number {
  return route.table ?? route.shortTable;
}

/** A route to be added or removed: destination with prefix (none for a default route), and where to. */
export type RouteInput = Partial<Omit<RouteHead, "shortTable"> & RouteAttributes>;

/** Adds a route; EEXIST where one with this destination and metric is in the table. */
export function newRoute(route: RouteInput): Request<void> {
  return routeRequest("RTM_NEWROUTE", RTM.newRoute, NLM_F_CREATE | NLM_F_EXCL, route);
}

/** Adds a route, or puts it in the place of the one with this destination and metric. */
export function replaceRoute(route: RouteInput): Request<void> {
  return routeRequest("RTM_NEWROUTE", RTM.newRoute, NLM_F_CREATE | NLM_F_REPLACE, route);
}

/** Removes a route; ESRCH where there is none. */
export function delRoute(route: RouteInput): Request<void> {
  return routeRequest("RTM_DELROUTE", RTM.delRoute, 0, route);
}

function routeRequest(name: string, type: number, flags: number, route: RouteInput): Request<void> {
  return { name, type, flags, write: (writer) => routeBody.write(writer, completed(route, type === RTM.newRoute)) };
}

function completed(given: RouteInput, adding: boolean): Partial<Route> {
  const { destination, gateway, table = ROUTE_TABLE.main } = given;
  const near = destination ?? gateway ?? given.preferredSource;
  const family = given.family ?? (near === undefined ? AF_UNSPEC : familyOf(near));
  const onward = gateway ?? given.via ?? given.nextHops ?? given.nextHopId;
  // A destination on the link itself has the scope of the link; IPv6 knows no scopes.
  const scope = family === AF_INET && onward === undefined ? "link" : "universe";
  const defaults: Partial<Route> = adding ? { type: "unicast", protocol: "boot", scope } : { scope: "nowhere" };
  return {
    ...defaults,
    ...given,
    family,
    destinationPrefix: given.destinationPrefix ?? (destination === undefined ? 0 : addressLength(family) * 8),
    shortTable: table < 256 ? table : 0,
    ...(table >= 256 && { table }),
  };
}
