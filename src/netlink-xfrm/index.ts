/** AF_NETLINK for Node: XFRM, rtnetlink, and the UDP socket options that IPsec needs. See README.md. */
export { AF_BRIDGE, AF_INET, AF_INET6, AF_UNSPEC } from "./codec/address.ts";
export type { RawAttribute, WithUnknown } from "./codec/attribute.ts";
export type { ReadOptions } from "./codec/message-reader.ts";
export { type Dump, encodeDump, encodeRequest, type Request } from "./codec/request.ts";
export {
  errnoName,
  InvalidValueError,
  MalformedMessageError,
  NetlinkError,
  SystemCallError,
} from "./errors.ts";
export {
  type AddressLifetime,
  delAddress,
  dumpAddresses,
  type InterfaceAddress,
  type InterfaceAddressInput,
  newAddress,
  ownAddress,
} from "./rtnetlink/address.ts";
export * from "./rtnetlink/constants.ts";
export { type RouteEvent, type RouteEventOptions, watchRoutes } from "./rtnetlink/events.ts";
export { delLink, dumpLinks, getLink, type Link, newLink, setLink } from "./rtnetlink/link.ts";
export type {
  GeneveDetails,
  GreDetails,
  LinkInfo,
  PortRange,
  VxlanDetails,
  XfrmInterfaceDetails,
} from "./rtnetlink/link-details.ts";
export {
  appendForwardingEntry,
  delForwardingEntry,
  delNeighbour,
  dumpForwardingEntries,
  dumpNeighbours,
  type Neighbour,
  type NeighbourInput,
  newForwardingEntry,
  replaceNeighbour,
} from "./rtnetlink/neighbour.ts";
export type { NextHop } from "./rtnetlink/next-hop.ts";
export {
  delRoute,
  dumpRoutes,
  getRoute,
  newRoute,
  type Route,
  type RouteFilter,
  type RouteInput,
  type RouteMetrics,
  type RouteQuery,
  replaceRoute,
  tableOf,
} from "./rtnetlink/route.ts";
export type { EventSource, SourceEvent } from "./socket/event-source.ts";
export { type BatchResult, NetlinkSocket, type NetlinkSocketOptions } from "./socket/netlink-socket.ts";
export { closeOnExec, descriptorOf, sendWithDescriptor, type UdpEndpoint, udpEndpoint } from "./udp/handover.ts";
export { closeUdpSocket, openUdpSocket, renewUdpSocket, type UdpSocketOptions } from "./udp/udp-socket.ts";
export type { Acquire } from "./xfrm/acquire.ts";
export { type AeadAlgorithm, type Algorithm, KeyOctets, type TruncatedAlgorithm } from "./xfrm/algorithms.ts";
export type { EncapsulationTemplate, Mark, Offload, ReplayEsnState, ReplayState } from "./xfrm/attributes.ts";
export * from "./xfrm/constants.ts";
export { type DeletionReport, deletePolicies, deleteSas } from "./xfrm/delete.ts";
export { watchXfrm, type XfrmEventOptions } from "./xfrm/event-socket.ts";
export type { Mapping, XfrmEvent } from "./xfrm/events.ts";
export {
  type DefaultPolicy,
  getDefaultPolicy,
  getSadInfo,
  getSpdInfo,
  type HashInfo,
  type HashThreshold,
  type PolicyCounts,
  type SadInfo,
  type SpdInfo,
  setDefaultPolicy,
  setHashThresholds,
} from "./xfrm/info.ts";
export { type KeyManagerAddress, type Migration, type MigrationStep, migrate } from "./xfrm/migrate.ts";
export {
  delPolicy,
  dumpPolicies,
  getPolicy,
  isSocketPolicy,
  newPolicy,
  type Policy,
  type PolicyAttributes,
  type PolicyInput,
  type PolicyKey,
  updPolicy,
} from "./xfrm/policy.ts";
export {
  allocSpi,
  delSa,
  dumpSas,
  getSa,
  newSa,
  type Sa,
  type SaAttributes,
  type SaFilter,
  type SaInput,
  type SaKey,
  type SpiInput,
  updSa,
} from "./xfrm/sa.ts";
export {
  icmpPorts,
  type Lifetime,
  type PolicyId,
  type PolicyInfo,
  type SaId,
  type SaInfo,
  type SaStats,
  type Selector,
  type Template,
  type Usage,
} from "./xfrm/structs.ts";
