/** Places where the certificates of peers may be looked up (RFC 7296 3.6): whoever could name any URL would choose whom we ask. */

/** What URLs must begin with, or what is wrong with it: `http` or `https`, a host, a path, and nothing that a request hides behind. */
export function readPlace(text: string): { readonly place: string } | { readonly wrong: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !isWeb(url)) return { wrong: "is no URL that begins with http:// or https://" };
  if (url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "")
    return { wrong: "has more than a host, a port and a path" };
  return { place: url.href };
}

/**
 * The URL to ask in place of the peer's, where it lies at one of the places; undefined elsewhere. A place that ends with a slash
 * stands for all below it. What a URL may hide (dots, escapes, another spelling of the host) is resolved first.
 */
export function allowedUrl(text: string, places: readonly string[]): string | undefined {
  const read = readPlace(text);
  if ("wrong" in read) return undefined;
  const { href, origin, pathname } = new URL(read.place);
  const lies = places.some((place) => {
    const { origin: host, pathname: path } = new URL(place);
    return host === origin && (path.endsWith("/") ? pathname.startsWith(path) : pathname === path);
  });
  // Two slashes, or an escaped one, mean to a server what they do not mean to a comparison.
  return lies && !/\/\/|%2f|%5c/i.test(pathname) ? href : undefined;
}

function isWeb({ protocol, hostname }: URL): boolean {
  return (protocol === "http:" || protocol === "https:") && hostname !== "";
}
