import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import {
  closeUdpSocket,
  getLink,
  NetlinkSocket,
  newAddress,
  newLink,
  newPolicy,
  openUdpSocket,
  replaceNeighbour,
  SystemCallError,
  setLink,
  type UdpSocketOptions,
} from "../../../../src/netlink-xfrm/index.ts";
import { inNamespace, until } from "../namespace.ts";

async function handedOver(options: UdpSocketOptions): Promise<Socket> {
  const fd = openUdpSocket(options);
  const socket = createSocket(options.address.includes(":") ? "udp6" : "udp4");
  const listening = once(socket, "listening");
  socket.bind({ fd, exclusive: true });
  await listening;
  return socket;
}

function failure(options: UdpSocketOptions): SystemCallError {
  try {
    closeUdpSocket(openUdpSocket(options));
  } catch (error) {
    if (error instanceof SystemCallError) return error;
    throw error;
  }
  throw new Error("the socket was made");
}

inNamespace("UDP sockets for IKE", () => {
  it("hands a bound socket over to dgram, IPv4 and IPv6 on one port", async () => {
    const route = NetlinkSocket.route();
    route.request(setLink({ index: 1, up: true }));
    route.close();
    const all = { port: 4500, bypassPolicies: true } as const;
    const v4 = await handedOver({ ...all, address: "0.0.0.0" });
    const v6 = await handedOver({ ...all, address: "::" });
    const heard: string[] = [];
    v4.on("message", (octets, from) => heard.push(`${octets} from ${from.family}`));
    v6.on("message", (octets, from) => heard.push(`${octets} from ${from.family}`));
    v4.send("four", 4500, "127.0.0.1");
    v6.send("six", 4500, "::1");
    await until(() => heard.length === 2, "datagrams");
    expect(heard.sort()).toEqual(["four from IPv4", "six from IPv6"]);

    expect(failure({ ...all, address: "0.0.0.0" })).toMatchObject({ syscall: "bind", code: "EADDRINUSE", errno: 98 });
    expect(failure({ ...all, address: "::" }).message).toMatch(/^bind UDP :: port 4500: EADDRINUSE/);
    expect(failure({ address: "192.0.2.99", port: 500 }).code).toBe("EADDRNOTAVAIL");
    expect(() => openUdpSocket({ address: "0.0.0.0", port: 70000 })).toThrow("port: 70000 is not possible here");
    v4.close();
    v6.close();
  });

  it("takes ESP and keepalives off the socket with espInUdp, and leaves IKE to it", async () => {
    const ike = await handedOver({ address: "127.0.0.1", port: 4501, espInUdp: true, receiveBuffer: 1 << 20 });
    const heard: string[] = [];
    ike.on("message", (octets) => heard.push(octets.toString("hex")));
    const peer = createSocket("udp4");
    for (const hex of ["ff", "01020304aabbccdd0000", "00000000aabb"]) {
      peer.send(Buffer.from(hex, "hex"), 4501, "127.0.0.1");
    }
    await until(() => heard.length > 0, "the IKE datagram");
    await sleep(30);
    expect(heard).toEqual(["00000000aabb"]);
    ike.close();
    peer.close();
  });

  it("sends past a blocking policy only where it is exempt", async () => {
    const route = NetlinkSocket.route();
    route.request(newLink({ name: "a0", info: { kind: "veth" } }));
    const { index } = route.request(getLink({ name: "a0" }));
    route.request(newAddress({ index, local: "10.0.0.1", prefix: 24 }));
    route.request(setLink({ index, up: true }));
    route.request(replaceNeighbour({ index, destination: "10.0.0.2", linkLayer: "02:00:00:00:00:02" }));
    route.close();
    const xfrm = NetlinkSocket.xfrm();
    xfrm.request(
      newPolicy({
        selector: { destination: "10.0.0.2", protocol: 17 },
        direction: "out",
        action: "block",
        priority: 1,
      }),
    );
    xfrm.close();
    const outcome = async (bypassPolicies: boolean): Promise<string> => {
      const socket = await handedOver({ address: "10.0.0.1", port: 0, bypassPolicies });
      const error = await new Promise<Error | null>((resolve) => {
        socket.send("x", 500, "10.0.0.2", (problem) => resolve(problem));
      });
      socket.close();
      return error === null ? "sent" : error.message;
    };
    expect(await outcome(false)).toMatch(/EPERM/);
    expect(await outcome(true)).toBe("sent");
  });
});
