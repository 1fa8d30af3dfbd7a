/** IKEv2 Traffic Selector Types (RFC 7296 3.13.1, 4595, 9478). */
export const tsType = {
  TS_IPV4_ADDR_RANGE: 7,
  TS_IPV6_ADDR_RANGE: 8,
  TS_FC_ADDR_RANGE: 9,
  TS_SECLABEL: 10,
} as const;
