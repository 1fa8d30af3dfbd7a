import dgram from "node:dgram";
import { afterEach, describe, expect, it } from "vitest";
import type { Path } from "../../../src/sa/path.ts";
import { TransportError } from "../../../src/transport/errors.ts";
import { openPlainSocket } from "../../../src/transport/udp-socket.ts";
import { UdpTransport } from "../../../src/transport/udp-transport.ts";
import { freePorts } from "./free-ports.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const item of open.splice(0)) await item.close();
});

class FakeAddresses {
  addresses: string[];
  listener: () => void = () => undefined;

  constructor(...addresses: string[]) {
    this.addresses = addresses;
  }

  list(): readonly string[] {
    return this.addresses;
  }

  onChange(listener: () => void): void {
    this.listener = listener;
  }

  close(): void {}

  change(...addresses: string[]): void {
    this.addresses = addresses;
    this.listener();
  }
}

class Heard {
  readonly datagrams: { octets: number[]; path: Path }[] = [];
  readonly failures: { path: Path; errno: string }[] = [];
  readonly notices: string[] = [];

  datagram(octets: Uint8Array, path: Path): void {
    this.datagrams.push({ octets: [...octets], path });
  }

  sendFailed(path: Path, errno: string): void {
    this.failures.push({ path, errno });
  }

  addressesChanged(): void {}

  notice(level: string, sentence: string): void {
    this.notices.push(`${level}: ${sentence}`);
  }
}

async function opened(addresses: FakeAddresses, listenOn: "all" | string[] = "all") {
  const ports = await freePorts();
  const transport = new UdpTransport({ ports, openSocket: openPlainSocket, followAddresses: () => addresses });
  const heard = new Heard();
  await transport.open(heard, listenOn);
  open.push(transport);
  return { transport, heard, ports };
}

async function client(address = "127.0.0.1"): Promise<dgram.Socket & { received: number[][]; port: number }> {
  const socket = dgram.createSocket(address.includes(":") ? "udp6" : "udp4");
  const received: number[][] = [];
  socket.on("message", (octets) => received.push([...octets]));
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  open.push(socket);
  return Object.assign(socket, { received, port: socket.address().port });
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(condition()).toBe(true);
}

describe("IKE over UDP", () => {
  it("says at which of the host's addresses a datagram came in", async () => {
    const { transport, heard, ports } = await opened(new FakeAddresses("127.0.0.1", "127.0.0.2"));
    await transport.start();
    const sender = await client();
    sender.send(Uint8Array.of(7), ports.ike, "127.0.0.2");
    await until(() => heard.datagrams.length === 1);
    expect(heard.datagrams[0]).toEqual({
      octets: [7],
      path: { local: { address: "127.0.0.2", port: ports.ike }, remote: { address: "127.0.0.1", port: sender.port } },
    });
  });

  it("takes the marker off and puts it on at the NAT traversal port alone, and drops keepalives and ESP there", async () => {
    const { transport, heard, ports } = await opened(new FakeAddresses("127.0.0.1"));
    await transport.start();
    const peer = await client();
    for (const octets of [[0xff], [0, 0, 0, 1, 9], [0, 0], [0, 0, 0, 0, 5, 6]])
      peer.send(Uint8Array.from(octets), ports.natTraversal, "127.0.0.1");
    peer.send(Uint8Array.of(0, 0, 0, 0, 5, 6), ports.ike, "127.0.0.1");
    await until(() => heard.datagrams.length === 2);
    expect(heard.datagrams.map(({ octets, path }) => [path.local.port, octets]).sort()).toEqual(
      [
        [ports.natTraversal, [5, 6]],
        [ports.ike, [0, 0, 0, 0, 5, 6]],
      ].sort(),
    );
    const remote = { address: "127.0.0.1", port: peer.port };
    transport.send(Uint8Array.of(1), { local: { address: "127.0.0.1", port: ports.natTraversal }, remote });
    await until(() => peer.received.length === 1);
    transport.send(Uint8Array.of(2), { local: { address: "127.0.0.1", port: ports.ike }, remote });
    await until(() => peer.received.length === 2);
    expect(peer.received).toEqual([[0, 0, 0, 0, 1], [2]]);
  });

  it("speaks IPv6 beside IPv4 on the same port", async () => {
    const { transport, heard, ports } = await opened(new FakeAddresses("127.0.0.1", "::1"));
    await transport.start();
    const peer = await client("::1");
    peer.send(Uint8Array.of(3), ports.ike, "::1");
    await until(() => heard.datagrams.length === 1);
    expect(heard.datagrams[0]?.path.local).toEqual({ address: "::1", port: ports.ike });
  });

  it("sends nothing before start, and then all of it in order", async () => {
    const { transport, ports } = await opened(new FakeAddresses("127.0.0.1"));
    const peer = await client();
    const path = {
      local: { address: "127.0.0.1", port: ports.ike },
      remote: { address: "127.0.0.1", port: peer.port },
    };
    transport.send(Uint8Array.of(1), path);
    transport.send(Uint8Array.of(2), path);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(peer.received).toEqual([]);
    await transport.start();
    await until(() => peer.received.length === 2);
    expect(peer.received).toEqual([[1], [2]]);
  });

  it("sends from the address that routing takes where ours is left open", async () => {
    const { transport, ports } = await opened(new FakeAddresses("127.0.0.1", "127.0.0.2"));
    await transport.start();
    const peer = await client();
    const from = new Promise<string>((resolve) => peer.once("message", (_octets, remote) => resolve(remote.address)));
    transport.send(Uint8Array.of(1), {
      local: { address: "0.0.0.0", port: ports.ike },
      remote: { address: "127.0.0.1", port: peer.port },
    });
    expect(await from).toBe("127.0.0.1");
  });

  it("reports what cannot be sent", async () => {
    const { transport, heard, ports } = await opened(new FakeAddresses("127.0.0.1"));
    await transport.start();
    const remote = { address: "127.0.0.1", port: 9 };
    const unknown = { local: { address: "192.0.2.77", port: ports.ike }, remote };
    transport.send(Uint8Array.of(1), unknown);
    const big = { local: { address: "127.0.0.1", port: ports.ike }, remote };
    transport.send(new Uint8Array(70_000), big);
    await until(() => heard.failures.length === 2);
    expect(heard.failures).toEqual([
      { path: unknown, errno: "EADDRNOTAVAIL" },
      { path: big, errno: "EMSGSIZE" },
    ]);
  });

  it("follows the host's addresses", async () => {
    const addresses = new FakeAddresses("127.0.0.1");
    const { transport, heard, ports } = await opened(addresses);
    await transport.start();
    addresses.change("127.0.0.3");
    await until(() => heard.notices.length === 4);
    expect(transport.endpoints).toEqual([
      { address: "127.0.0.3", port: ports.ike },
      { address: "127.0.0.3", port: ports.natTraversal },
    ]);
    const sender = await client();
    sender.send(Uint8Array.of(4), ports.ike, "127.0.0.3");
    await until(() => heard.datagrams.length === 1);
  });

  it("listens only where it is told to, and waits for an address that the host does not have yet", async () => {
    const addresses = new FakeAddresses("127.0.0.1");
    const { transport } = await opened(addresses, ["127.0.0.4"]);
    await transport.start();
    expect(transport.endpoints).toEqual([]);
    addresses.change("127.0.0.1", "127.0.0.4");
    await until(() => transport.endpoints.length === 2);
    expect(new Set(transport.endpoints.map((endpoint) => endpoint.address))).toEqual(new Set(["127.0.0.4"]));
  });

  it("names the port and the address that another program holds, and lets go of what it had", async () => {
    const holder = await client("127.0.0.2");
    const addresses = new FakeAddresses("127.0.0.1", "127.0.0.2");
    const ports = { ike: holder.port, natTraversal: holder.port === 65_535 ? 65_534 : holder.port + 1 };
    const transport = new UdpTransport({ ports, openSocket: openPlainSocket, followAddresses: () => addresses });
    const failure = await transport.open(new Heard(), "all").catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TransportError);
    expect(failure).toMatchObject({
      code: "port-in-use",
      message: `UDP port ${holder.port} of 127.0.0.2 is in use by another program; "ss -ulpn sport = :${holder.port}" shows which: stop it first`,
    });
    const again = dgram.createSocket("udp4");
    await new Promise<void>((resolve, reject) => {
      again.once("error", reject);
      again.bind(holder.port, "127.0.0.1", resolve);
    });
    again.close();
  });
});
