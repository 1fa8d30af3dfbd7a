// The table: {role x family x peer x thing x cipher}. Every cell is run and printed, with what went wrong where it did.
import { describe } from "vitest";
import { secret, strongswanChildren } from "./ends.ts";
import type { Lab } from "./lab/scenario.ts";
import { type Connection, type StrongswanVersion, strongswanVersions } from "./lab/strongswan.ts";
import type { Family } from "./lab/topology.ts";
import { type Cells, type OtherEnd, ourEnd, printTable, roles, runCells } from "./table/cells.ts";
import { type Cipher, ciphers, proposalsOf } from "./table/ciphers.ts";

const peers: readonly (readonly [name: string, end: OtherEnd])[] = [
  ...strongswanVersions.map((version) => [`strongSwan ${version}`, strongswan(version)] as const),
  ["Underlock", ourselves()],
];

printTable();

for (const [peer, end] of peers) {
  describe(`with ${peer}`, () => {
    for (const role of roles) {
      for (const cipher of Object.values(ciphers)) runCells({ peer, role, cipher }, end);
    }
  });
}

function ourselves(): OtherEnd {
  const theirs = (lab: Lab, cells: Required<Cells>) =>
    ourEnd(lab, { ...cells, here: "b", there: "a", initiate: cells.role === "responder" });
  return {
    locks: true,
    async prepare(lab, cells) {
      await theirs(lab, cells).must("lock");
    },
    async start(lab, cells) {
      const daemon = theirs(lab, cells);
      await daemon.start();
      return {
        async bringUp() {
          for (const family of cells.families) await daemon.must("up", family);
        },
      };
    },
  };
}

function strongswan(version: StrongswanVersion): OtherEnd {
  return {
    locks: false,
    async start(lab, { families, cipher }) {
      const connections = families.map((family) => connection(lab, family, cipher));
      const charon = await lab.strongswan("b", version, connections);
      return {
        async bringUp() {
          for (const { children } of connections) for (const child of children) await charon.initiate(child.name);
        },
      };
    },
  };
}

/** strongSwan's half for one family: VXLAN takes two children, one for each direction. */
function connection(lab: Lab, family: Family, cipher: Cipher): Connection {
  const [self, other] = [lab.gateway("b"), lab.gateway("a")];
  const { ike, ...childProposals } = proposalsOf(cipher);
  const children = [
    ...strongswanChildren.gre(),
    ...strongswanChildren.vxlan(4789),
    ...strongswanChildren.vxlan(8472),
    ...strongswanChildren.net(self.lan[family].prefix, other.lan[family].prefix),
  ];
  return {
    name: family,
    localAddress: self.address[family],
    remoteAddress: other.address[family],
    localId: "b.example",
    remoteId: "a.example",
    secret,
    ...(ike === undefined ? {} : { ike }),
    children: children.map((child) => ({ ...child, ...childProposals, name: `${child.name}-${family}` })),
  };
}
