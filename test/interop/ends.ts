// Configurations of the two kinds of end, for the scenarios.
import type { LibreswanConnection } from "./lab/libreswan.ts";
import type { Lab } from "./lab/scenario.ts";
import type { Child, Connection } from "./lab/strongswan.ts";
import type { Family } from "./lab/topology.ts";
import type { Underlock } from "./lab/underlock.ts";

export const secret = "a secret of the lab";

/** What is negotiated: keywords that both kinds of end understand. */
export interface Proposals {
  readonly ike: string;
  readonly esp?: string;
  readonly ah?: string;
}

export type Protect = string | Readonly<Record<string, unknown>>;

export interface EndOptions {
  readonly here: string;
  readonly there: string;
  readonly family: Family;
  readonly proposals?: Proposals;
  readonly protect: readonly Protect[];
  readonly initiate: boolean;
  readonly secret?: string;
  /** What our daemon does wrong. */
  readonly impair?: readonly string[];
  /** Further keys of the peer's section. */
  readonly peer?: Readonly<Record<string, unknown>>;
  /** Further keys of the section `local`. */
  readonly local?: Readonly<Record<string, unknown>>;
}

/** Our daemon on `here`, with one peer of the name of the other gateway. */
export function underlock(lab: Lab, options: EndOptions): Underlock {
  const { here, there, family, proposals = {} } = options;
  return lab.underlock(here, {
    config: {
      local: { id: `${here}.example`, address: lab.gateway(here).address[family], ...options.local },
      peers: {
        [there]: {
          remote: lab.gateway(there).address[family],
          id: `${there}.example`,
          auth: { psk: "file:peer.psk" },
          ...proposals,
          protect: options.protect,
          initiate: options.initiate,
          ...options.peer,
        },
      },
    },
    files: { "peer.psk": `${options.secret ?? secret}\n` },
    ...(options.impair === undefined ? {} : { impair: options.impair }),
  });
}

/** The same for strongSwan. */
export function connection(
  lab: Lab,
  options: Pick<EndOptions, "here" | "there" | "family" | "proposals" | "secret"> & {
    readonly children: readonly Child[];
  },
): Connection {
  const { here, there, family, proposals } = options;
  return {
    name: there,
    localAddress: lab.gateway(here).address[family],
    remoteAddress: lab.gateway(there).address[family],
    localId: `${here}.example`,
    remoteId: `${there}.example`,
    secret: options.secret ?? secret,
    ...(proposals === undefined ? {} : { ike: proposals.ike }),
    children: options.children.map((child) => ({
      ...child,
      ...(proposals?.esp === undefined ? {} : { esp: proposals.esp }),
      ...(proposals?.ah === undefined ? {} : { ah: proposals.ah }),
    })),
  };
}

/** strongSwan's children for one line of ours: VXLAN takes two, one for each direction. */
export const strongswanChildren = {
  gre: (): Child[] => [{ name: "gre", mode: "transport", localTs: "dynamic[gre]", remoteTs: "dynamic[gre]" }],
  vxlan: (port: number): Child[] => [
    { name: `vxlan${port}to`, mode: "transport", localTs: "dynamic[udp]", remoteTs: `dynamic[udp/${port}]` },
    { name: `vxlan${port}from`, mode: "transport", localTs: `dynamic[udp/${port}]`, remoteTs: "dynamic[udp]" },
  ],
  net: (localTs: string, remoteTs: string): Child[] => [{ name: "net", mode: "tunnel", localTs, remoteTs }],
};

/**
 * Libreswan's connections for GRE, VXLAN on both ports and the LANs over one family, named "gre-v4" and so on: those with
 * the same ends share an IKE SA, and VXLAN takes two, one for each direction.
 */
export function libreswanConnections(
  lab: Lab,
  options: Pick<EndOptions, "here" | "there" | "family"> & { readonly more?: Readonly<Record<string, string>> },
): LibreswanConnection[] {
  const { here, there, family, more } = options;
  const [self, other] = [lab.gateway(here), lab.gateway(there)];
  const connection = (
    name: string,
    mode: LibreswanConnection["mode"],
    selectors: LibreswanConnection["selectors"],
  ): LibreswanConnection => ({
    name: `${name}-${family}`,
    localAddress: self.address[family],
    remoteAddress: other.address[family],
    localId: `${here}.example`,
    remoteId: `${there}.example`,
    secret,
    mode,
    selectors,
    ...(more === undefined ? {} : { more }),
  });
  return [
    connection("gre", "transport", { leftprotoport: "gre", rightprotoport: "gre" }),
    ...[4789, 8472].flatMap((port) => [
      connection(`vxlan${port}to`, "transport", { leftprotoport: "udp", rightprotoport: `udp/${port}` }),
      connection(`vxlan${port}from`, "transport", { leftprotoport: `udp/${port}`, rightprotoport: "udp" }),
    ]),
    connection("net", "tunnel", { leftsubnet: self.lan[family].prefix, rightsubnet: other.lan[family].prefix }),
  ];
}
