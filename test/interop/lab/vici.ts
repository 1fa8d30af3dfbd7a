import { connect, type Socket } from "node:net";

/** A message of strongSwan's VICI protocol: named values, lists and sections, in this order. */
export interface ViciMessage {
  readonly [key: string]: string | readonly string[] | ViciMessage;
}

const element = { sectionStart: 1, sectionEnd: 2, keyValue: 3, listStart: 4, listItem: 5, listEnd: 6 } as const;
const packet = { request: 0, response: 1, register: 3, unregister: 4, confirm: 5, event: 7 } as const;

/** A connection to charon's VICI socket, which answers one request after the other. */
export class Vici {
  readonly #socket: Socket;
  readonly #answers: ((answer: Buffer | Error) => void)[] = [];
  #received: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  #events: ViciMessage[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("charon closed its vici socket")));
  }

  /** Connects to the socket at that path. */
  static async connect(path: string): Promise<Vici> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve()).once("error", reject);
    });
    return new Vici(socket);
  }

  /** Sends a request and returns the answer, whatever it says. */
  async request(command: string, message: ViciMessage = {}): Promise<ViciMessage> {
    const answer = await this.#exchange(packet.request, command, encodeMessage(message));
    if (answer[0] !== packet.response) throw new Error(`charon does not know the vici command ${command}`);
    return decodeMessage(answer.subarray(1));
  }

  /** Sends a request that must succeed. */
  async must(command: string, message: ViciMessage = {}): Promise<ViciMessage> {
    const answer = await this.request(command, message);
    if (answer.success === "no") throw new Error(`charon refused ${command}: ${answer.errmsg}`);
    return answer;
  }

  /** Sends a request whose results come as events, and returns these. */
  async list(command: string, event: string, message: ViciMessage = {}): Promise<ViciMessage[]> {
    await this.#exchange(packet.register, event, Buffer.alloc(0));
    this.#events = [];
    await this.must(command, message);
    const events = this.#events;
    await this.#exchange(packet.unregister, event, Buffer.alloc(0));
    return events;
  }

  /** Closes the connection. */
  close(): void {
    this.#socket.destroy();
  }

  async #exchange(type: number, name: string, payload: Buffer): Promise<Buffer> {
    const header = Buffer.alloc(6);
    header.writeUInt32BE(2 + Buffer.byteLength(name) + payload.length, 0);
    header.writeUInt8(type, 4);
    header.writeUInt8(Buffer.byteLength(name), 5);
    this.#socket.write(Buffer.concat([header, Buffer.from(name), payload]));
    const answer = await new Promise<Buffer | Error>((resolve) => this.#answers.push(resolve));
    if (answer instanceof Error) throw answer;
    return answer;
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readUInt32BE(0);
      if (this.#received.length < end) return;
      const body = this.#received.subarray(4, end);
      this.#received = this.#received.subarray(end);
      if (body[0] === packet.event) this.#events.push(decodeMessage(body.subarray(2 + (body[1] ?? 0))));
      else this.#answers.shift()?.(body);
    }
  }

  #fail(error: Error): void {
    for (const answer of this.#answers.splice(0)) answer(error);
  }
}

/** Octets of a message, as VICI's README in strongSwan's sources describes them. */
function encodeMessage(message: ViciMessage): Buffer {
  const parts = Object.entries(message).map(([key, value]) => {
    if (typeof value === "string") return Buffer.concat([named(element.keyValue, key), text(value)]);
    if (!isList(value)) {
      return Buffer.concat([named(element.sectionStart, key), encodeMessage(value), Buffer.of(element.sectionEnd)]);
    }
    const items = value.map((item) => Buffer.concat([Buffer.of(element.listItem), text(item)]));
    return Buffer.concat([named(element.listStart, key), ...items, Buffer.of(element.listEnd)]);
  });
  return Buffer.concat(parts);
}

function isList(value: readonly string[] | ViciMessage): value is readonly string[] {
  return Array.isArray(value);
}

function named(type: number, key: string): Buffer {
  return Buffer.concat([Buffer.of(type, Buffer.byteLength(key)), Buffer.from(key)]);
}

function text(value: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(value));
  return Buffer.concat([length, Buffer.from(value)]);
}

function decodeMessage(octets: Buffer): ViciMessage {
  let at = 0;
  const name = () => {
    const end = at + 1 + octets.readUInt8(at);
    const read = octets.toString("utf8", at + 1, end);
    at = end;
    return read;
  };
  const value = () => {
    const end = at + 2 + octets.readUInt16BE(at);
    const read = octets.toString("utf8", at + 2, end);
    at = end;
    return read;
  };
  const list = () => {
    const items: string[] = [];
    while (octets[at] === element.listItem) {
      at += 1;
      items.push(value());
    }
    at += 1;
    return items;
  };
  const section = (): ViciMessage => {
    const read: Record<string, string | readonly string[] | ViciMessage> = {};
    while (at < octets.length) {
      const type = octets.readUInt8(at);
      at += 1;
      if (type === element.sectionEnd) return read;
      const key = name();
      if (type === element.keyValue) read[key] = value();
      else if (type === element.listStart) read[key] = list();
      else if (type === element.sectionStart) read[key] = section();
      else throw new Error(`vici element ${type} at octet ${at}`);
    }
    return read;
  };
  return section();
}
