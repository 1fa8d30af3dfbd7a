/**
 * Our daemon as `underlock run` puts it together, but for the kernel: Linux without ESP would keep it from starting, and
 * what the kernel does is not what is measured.
 *
 * Arguments: configuration file, control socket, `exempt` or `plain` sockets, IKE port, NAT traversal port.
 */
import { loadFile } from "../../src/cli/configuration.ts";
import { randomBytes } from "../../src/crypto/secret.ts";
import { computeHere } from "../../src/daemon/compute.ts";
import { exitOnCrash, runProcess } from "../../src/daemon/process.ts";
import { Engine } from "../../src/engine/engine.ts";
import { Log } from "../../src/observe/log.ts";
import { exemptSockets } from "../../src/transport/exempt-socket.ts";
import { netlinkHostAddresses } from "../../src/transport/netlink-addresses.ts";
import { sourceAddressTowards } from "../../src/transport/source-address.ts";
import { openPlainSocket } from "../../src/transport/udp-socket.ts";
import { UdpTransport } from "../../src/transport/udp-transport.ts";
import { NullKernel } from "./null-kernel.ts";

const [config = "", socketPath = "", sockets, ike = "500", natTraversal = "4500"] = process.argv.slice(2);

const log = new Log({
  format: "json",
  level: "warn",
  write: (line) => process.stdout.write(line),
  now: () => Date.now(),
});
exitOnCrash(log);
await runProcess({
  log,
  engine: new Engine({ random: randomBytes }),
  transport: new UdpTransport({
    ports: { ike: Number(ike), natTraversal: Number(natTraversal) },
    openSocket: sockets === "plain" ? openPlainSocket : exemptSockets(),
    followAddresses: netlinkHostAddresses,
  }),
  findHazards: async () => [],
  sourceTowards: sourceAddressTowards,
  compute: computeHere,
  clock: () => performance.now(),
  wall: () => Date.now(),
  version: "bench",
  file: config,
  socketPath,
  load: async () => await loadFile(config, { strict: true }),
  openKernel: async () => ({ kernel: new NullKernel(), warnings: [] }),
  unlockOnExit: false,
  environment: process.env,
});
