// Where in the page something is: a world by its key, a view of it, and what the view shows.

export function readAddress() {
  const [place, key, view = "now", ...rest] = location.hash
    .replace(/^#\/?/, "")
    .split("/")
    .map(decodeURIComponent);
  return place === "w" && key ? { key, view, id: rest.join("/") } : { key: null };
}

export const addressOf = (key, view, id) =>
  `#/w/${[key, view, ...(id ? [id] : [])].map(encodeURIComponent).join("/")}`;
