import { InvalidArgumentError, Option } from "commander";

/** `--wait SECONDS`: how long `up` and `down` wait for the outcome. */
export function waitOption(): Option {
  return new Option("-w, --wait <seconds>", "how long to wait for the outcome").default(30).argParser((text) => {
    const seconds = Number(text);
    if (text !== "" && seconds >= 0 && seconds <= longestWait) return seconds;
    throw new InvalidArgumentError(`It must be a number of seconds from 0 to ${longestWait}.`);
  });
}

const longestWait = 600;
