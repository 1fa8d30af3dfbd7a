/** A scenario in words. */
import { type Ikev1Plan, letter, type Peering, type Scenario, type SimulationEvent } from "./scenario.ts";
import type { Failure } from "./simulation.ts";

/** What went wrong in a scenario, and how it came to that. */
export function tellFailure(scenario: Scenario, failure: Failure): string {
  const cause = failure.cause instanceof Error ? `\n${failure.cause.stack}` : "";
  return [
    `seed ${scenario.seed} (${scenario.theme}${scenario.real ? ", real cryptography" : ""}) breaks "${failure.invariant}"`,
    `at ${seconds(failure.at)}: ${failure.message}${cause}`,
    "",
    tell(scenario),
  ].join("\n");
}

/** The ends, what they agreed on, and all that happens, one line each. */
export function tell(scenario: Scenario): string {
  const { ends, peerings, events } = scenario;
  const lines = ends.map(({ startsAt, kernelDelay, computeDelay, nat, crashTokens, spare }, index) => {
    const slow = [
      nat === undefined ? "" : `behind a NAT with ${nat} ports`,
      kernelDelay > 0 ? `its kernel answers after ${kernelDelay} ms` : "",
      computeDelay > 0 ? `its worker after ${computeDelay} ms` : "",
      crashTokens === true ? "it gives crash tokens" : "",
      spare === true ? "it has two addresses" : "",
    ].filter(Boolean);
    return `${seconds(startsAt)}  ${letter(index)} starts${slow.length > 0 ? ` (${slow.join(", ")})` : ""}`;
  });
  return [...peerings.map(agreed), ...lines, ...events.map(happening)].join("\n");
}

function agreed(peering: Peering): string {
  const { ends, protect, initiate, delay, esp, ike, anywhere, hardSeconds, softSeconds } = peering;
  const [a, b] = [letter(ends[0]), letter(ends[1])];
  const who = initiate[0] && initiate[1] ? "both call" : `${initiate[0] ? a : b} calls`;
  const what = protect.map(({ kind }) => kind).join(", ");
  const keys = `${ike[0].join(" ")}${ike[1].join() === ike[0].join() ? "" : ` / ${ike[1].join(" ")}`}; ${esp[0].join(" ")}`;
  return `           ${a} and ${b} protect ${what}; ${who}${anywhere === true ? " from anywhere" : ""}; ${delay[0]} ms there, ${delay[1]} ms back; ${keys}; for ${softSeconds}/${hardSeconds} s${beside(peering)}`;
}

/** What their sections say beside. */
function beside({ onDemand = [], extras, ikev1 }: Peering): string {
  const demand = [
    ...(ikev1 === undefined ? [] : [`IKEv1 ${ikev1.policies.join("/")}, soft after ${ikev1.softSeconds.join("/")} s`]),
    ...(ikev1?.set?.ah === true ? ["AH around ESP"] : []),
    ...(ikev1?.set?.compress === true ? ["IPComp"] : []),
    ...(ikev1?.login === undefined ? [] : [`the ${ikev1.login === 0 ? "first" : "second"} logs in`]),
    ...(ikev1?.inner === undefined ? [] : [addressWords(ikev1.inner)]),
    ...(onDemand.length === 0 ? [] : [`lines ${onDemand.join(" ")} on demand`]),
  ];
  if (extras === undefined) return demand.map((words) => `; ${words}`).join("");
  const { compressed, ikeSeconds, reauthSeconds, window, fragmentSize, resumption } = extras;
  const words = [
    ...demand,
    ...(compressed.length === 0 ? [] : [`lines ${compressed.join(" ")} compressed`]),
    `IKE SA for ${ikeSeconds.join("/")} s, proofs for ${reauthSeconds.join("/")} s`,
    `${window.join("/")} requests at a time, fragments of ${fragmentSize.join("/")}`,
    ...(resumption ? ["tickets"] : []),
  ];
  return words.map((one) => `; ${one}`).join("");
}

function addressWords({ client, by }: NonNullable<Ikev1Plan["inner"]>): string {
  const [who, from] = client === 0 ? ["first", "second"] : ["second", "first"];
  return by === "pull" ? `the ${who} asks for its address inside` : `the ${from} sends the ${who} its address inside`;
}

/** One event in words. */
export function happening(event: SimulationEvent): string {
  return `${seconds(event.at)}  ${words(event)}`;
}

function words(event: SimulationEvent): string {
  switch (event.kind) {
    case "crash":
      return `${letter(event.end)} crashes, and is started again ${event.down} ms later`;
    case "restart":
      return `${letter(event.end)} is stopped, and started again ${event.down} ms after that`;
    case "down":
    case "up":
      return `the operator of ${letter(event.end)} takes peering ${event.peering} ${event.kind}`;
    case "reconfigure":
      return `${letter(event.end)} gets another configuration: peering ${event.peering} ${event.variant}`;
    case "lose":
      return `${next(event)} are lost`;
    case "repeat":
      return `${next(event)} arrive again ${event.by} ms later`;
    case "hold":
      return `${next(event)} are held up for ${event.by} ms`;
    case "weather":
      return `for ${event.lasts} ms the network loses ${event.loss} %, repeats ${event.repeat} %, delays by up to ${event.jitter} ms`;
    case "partition":
      return `${event.ends.map(letter).join(" ")} cut off from the others for ${event.lasts} ms`;
    case "refuse":
      return `for ${event.lasts} ms the kernel of ${letter(event.end)} ${event.carriedOut ? "carries out and denies" : "refuses"} ${event.percent} % (${event.errno})`;
    case "deafen":
      return `the next ${event.count} reports of the kernel of ${letter(event.end)} are lost${event.told ? ", and it says so" : ""}`;
    case "rekey":
      return `the operator of ${event.ends.map(letter).join(" and that of ")} has ${event.what === "ike" ? "the IKE SA" : "all Child SAs"} of peering ${event.peering} replaced`;
    case "demand":
      return `line ${event.line} of peering ${event.peering} has packets at ${event.ends.map(letter).join(" and ")}`;
    case "move":
      return `${letter(event.end)} has ${event.missing === "none" ? "both addresses" : `lost its ${event.missing} address`}`;
    case "redirect":
      return event.to === "anywhere"
        ? `callers of ${event.ends.map(letter).join(" and ")} in peering ${event.peering} may stay where they are`
        : `callers of ${event.ends.map(letter).join(" and ")} in peering ${event.peering} are sent to its ${event.to} address`;
    case "rebind":
      return `the NAT of ${letter(event.end)} forgets its mappings`;
    case "expire":
      return `child ${event.child} of peering ${event.peering} comes to its ${event.hard ? "hard" : "soft"} limit at ${event.ends.map(letter).join(" and ")}`;
  }
}

function next({ from, to, count, what }: Extract<SimulationEvent, { count: number; from: number }>): string {
  return `the next ${count} ${what === undefined ? "" : `${what}s `}of ${letter(from)} to ${letter(to)}`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(3).padStart(8)} s`;
}
