import { readFile } from "node:fs/promises";
import type { Machine } from "./machine.ts";

/** An SA as `ip -s xfrm state` shows it, without its keys. */
export interface KernelSa {
  readonly src: string;
  readonly dst: string;
  readonly proto: string;
  /** 0 for a larval SA, which only remembers that a key was asked for. */
  readonly spi: number;
  readonly reqid: number;
  readonly mode: string;
  readonly flags: readonly string[];
  readonly replayWindow: number;
  /** Names of the kernel's algorithms, with the ICV's length in bits where one is shown: "rfc4106(gcm(aes)) 128". */
  readonly algorithms: readonly string[];
  /** "type espinudp sport 4500 dport 4500", when the SA is encapsulated in UDP. */
  readonly encap: string | undefined;
  /** The extended sequence number is in use. */
  readonly esn: boolean;
  /** Seconds after which the kernel itself ends the SA; undefined for never. */
  readonly hardSeconds: number | undefined;
  readonly packets: number;
}

/** A policy as `ip -s xfrm policy` shows it; policies of sockets are left out. */
export interface KernelPolicy {
  readonly src: string;
  readonly dst: string;
  /** Protocol and ports of the selector as ip prints them, "proto udp dport 4789"; empty for everything. */
  readonly upper: string;
  readonly dir: string;
  readonly action: "allow" | "block";
  readonly index: number;
  readonly priority: number;
  readonly templates: readonly {
    readonly src: string;
    readonly dst: string;
    readonly proto: string;
    readonly reqid: number;
    readonly mode: string;
    readonly level: "required" | "use";
  }[];
}

/** The SAs of a machine's kernel, read by iproute2 and not by our own netlink code; larval ones are left out. */
export async function kernelSas(machine: Machine): Promise<KernelSa[]> {
  const all = stanzas(await machine.run("ip -s xfrm state list nokeys")).map(parseSa);
  return all.filter(({ spi }) => spi !== 0);
}

/** The policies of a machine's kernel, those of sockets left out. */
export async function kernelPolicies(machine: Machine): Promise<KernelPolicy[]> {
  return stanzas(await machine.run("ip -s xfrm policy list nosock")).map(parsePolicy);
}

/** The counters of /proc/net/xfrm_stat that are not 0: "XfrmInTmplMismatch", "XfrmOutPolBlock" and so on. */
export async function xfrmCounters(machine: Machine): Promise<Record<string, number>> {
  const lines = (await machine.run("cat /proc/net/xfrm_stat")).trim().split("\n");
  const pairs = lines.map((line): [string, number] => [line.split(/\s+/)[0] ?? "", Number(line.split(/\s+/)[1])]);
  return Object.fromEntries(pairs.filter(([, value]) => value !== 0));
}

/** Packets that found a processor's queue full, on all machines together since the kernel's start. */
export async function softnetDrops(): Promise<number> {
  const lines = (await readFile("/proc/net/softnet_stat", "utf8")).trim().split("\n");
  return lines.reduce((sum, line) => sum + Number.parseInt(line.split(/\s+/)[1] ?? "0", 16), 0);
}

/** ip prints one stanza per object, its first line unindented. */
function stanzas(text: string): string[] {
  return text.split(/\n(?=\S)/).filter((stanza) => stanza.trim() !== "");
}

function parseSa(stanza: string): KernelSa {
  const [src, dst] = must(stanza, /^src (\S+) dst (\S+)/);
  const [proto, spi, reqid, mode] = must(stanza, /proto (\S+) spi 0x([0-9a-f]+)\S* reqid (\d+)\S* mode (\S+)/);
  const hard = /expire add: soft \S+ hard (\d+)\(sec\)/.exec(stanza)?.[1];
  return {
    src,
    dst,
    proto,
    spi: Number.parseInt(spi, 16),
    reqid: Number(reqid),
    mode,
    flags: (/ flag ([^(\n]*)/.exec(stanza)?.[1] ?? "")
      .trim()
      .split(" ")
      .filter((flag) => flag !== ""),
    replayWindow: Number(/replay_window (\d+)/.exec(stanza)?.[1] ?? /replay-window (\d+)/.exec(stanza)?.[1] ?? 0),
    algorithms: [...stanza.matchAll(/^\s+(?:aead|auth-trunc|auth|enc|comp) (\S+)(.*)$/gm)].map(([, name, rest]) =>
      `${name} ${/(\d+)\s*$/.exec((rest ?? "").replace(/\(\d+ bits\)|0x\S*|<<[^>]*>>/g, ""))?.[1] ?? ""}`.trim(),
    ),
    encap: /encap (type .*?)(?: addr| oa|\n|$)/.exec(stanza)?.[1]?.trim(),
    esn: / flag [^\n]*\besn\b/.test(stanza),
    hardSeconds: hard === undefined || hard === "0" ? undefined : Number(hard),
    packets: Number(must(stanza, /lifetime current:\s*\n\s*\d+\(bytes\), (\d+)\(packets\)/)[0]),
  };
}

function parsePolicy(stanza: string): KernelPolicy {
  const [src, dst, upper] = must(stanza, /^src (\S+) dst (\S+)(.*)/);
  const [dir, action, index, priority] = must(stanza, /dir (\S+) action (\S+) index (\d+) priority (\d+)/);
  if (action !== "allow" && action !== "block") throw new Error(`unknown policy action in: ${stanza}`);
  const templates = stanza
    .split(/\n\s+tmpl /)
    .slice(1)
    .map((template) => {
      const [tmplSrc, tmplDst] = must(template, /^src (\S+) dst (\S+)/);
      const [proto, reqid, mode] = must(template, /proto (\S+) spi \S+ reqid (\d+)\S* mode (\S+)/);
      const level = /level use/.test(template) ? ("use" as const) : ("required" as const);
      return { src: tmplSrc, dst: tmplDst, proto, reqid: Number(reqid), mode, level };
    });
  const selector = upper.replace(/\s*uid \d+\s*/, "").trim();
  return { src, dst, upper: selector, dir, action, index: Number(index), priority: Number(priority), templates };
}

/** The groups of a pattern that has to match. */
function must(text: string, pattern: RegExp): [string, string, string, string] {
  const match = pattern.exec(text);
  if (match === null) throw new Error(`ip printed what ${pattern} does not match:\n${text}`);
  const [, a = "", b = "", c = "", d = ""] = match;
  return [a, b, c, d];
}
