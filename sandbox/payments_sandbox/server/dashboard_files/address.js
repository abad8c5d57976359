// The page's address, in the hash: a world by its key, a view of it, and the id that the view shows.

export function readAddress() {
  const [place, key, view = "now", ...rest] = location.hash
    .replace(/^#\/?/, "")
    .split("/")
    .map(decoded);
  return place === "w" && key ? { key, view, id: rest.join("/") } : { key: null };
}

/** Decode a part of an address; a part with invalid encoding, perhaps typed by hand, is used unchanged. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Go to the address of a new object once it exists, unless the user has left this page meanwhile. */
export async function leadTo(making, addressOfMade) {
  const here = location.hash;
  const made = await making;
  if (location.hash === here) location.hash = addressOfMade(made);
}

export const addressOf = (key, view, id) =>
  `#/w/${[key, view, ...(id ? [id] : [])].map(encodeURIComponent).join("/")}`;
