// Where in the page something is: a world by its key, a view of it, and what the view shows.

export function readAddress() {
  const [place, key, view = "now", ...rest] = location.hash
    .replace(/^#\/?/, "")
    .split("/")
    .map(decoded);
  return place === "w" && key ? { key, view, id: rest.join("/") } : { key: null };
}

/** A part of an address; one that somebody has typed may be encoded wrongly, and stands for itself. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// Leads to what is being made, unless whoever asked for it has gone elsewhere meanwhile.
export async function leadTo(making, addressOfMade) {
  const here = location.hash;
  const made = await making;
  if (location.hash === here) location.hash = addressOfMade(made);
}

export const addressOf = (key, view, id) =>
  `#/w/${[key, view, ...(id ? [id] : [])].map(encodeURIComponent).join("/")}`;
