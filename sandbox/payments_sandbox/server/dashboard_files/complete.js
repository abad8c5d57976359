// Completions for a position in a scenario: the keys and values that the schema allows there.

const WORD = /[\w.*]*$/;
const KEY = /^(["']?)([\w.*]+)\1:(?=\s|$)/;

const frame = (step, more) => ({ step, keys: new Set(), pending: null, ...more });

/** Return the mappings and lists that are still open at the end of a text, outermost first. */
function openFrames(text) {
  const frames = [frame(null, { indent: 0 })];
  const top = () => frames.at(-1);
  const lines = text.split("\n");
  for (const [number, line] of lines.entries()) {
    let rest = line.replace(/(^|\s)#.*$/, "$1");
    if (!top().flow) {
      let indent = rest.length - rest.trimStart().length;
      rest = rest.trimStart();
      if (rest === "" && number < lines.length - 1) continue;
      while (frames.length > 1 && top().indent > indent) frames.pop();
      for (let dash; (dash = /^-(\s+|$)/.exec(rest)); rest = rest.slice(dash[0].length)) {
        if (!(top().list && top().indent === indent))
          frames.push(frame(top().pending, { indent, list: true }));
        indent += dash[0].length;
        frames.push(frame("[]", { indent }));
      }
      if (top().list && top().indent === indent) frames.pop();
      if (top().indent < indent && top().pending) frames.push(frame(top().pending, { indent }));
      const key = KEY.exec(rest);
      top().pending = key && key[2];
      if (key) {
        top().keys.add(key[2]);
        rest = rest.slice(key[0].length);
      }
    }
    openFlow(frames, rest);
  }
  return frames;
}

/** Open and close frames for the braces and brackets of a line. */
function openFlow(frames, text) {
  const top = () => frames.at(-1);
  let word = "";
  for (const part of text.match(/"(?:[^"\\]|\\.)*"?|'[^']*'?|[{}[\],]|:(?=\s|$)|[^{}[\],:"']+|:/g) ?? []) {
    if (part === "{" || part === "[") {
      frames.push(frame(top().list ? "[]" : top().pending, { flow: true, list: part === "[" }));
    } else if (!top().flow) continue;
    else if (part === "}" || part === "]") frames.pop();
    else if (part === "," && !top().list) top().pending = null;
    else if (part === ":" && word) {
      top().pending = word;
      top().keys.add(word);
    }
    word = part.trim().replace(/^["']|["']$/g, "");
  }
}

/** Return the properties common to all branches of an if-else chain: they are valid before any condition is met. */
function inEveryBranch(schema, root) {
  const branches = [];
  for (let each = schema; each?.if?.required; each = each.else) {
    branches.push(
      Object.assign({}, ...variants(each.then, root, new Set()).map((found) => found.properties)),
    );
  }
  return Object.fromEntries(
    Object.entries(branches[0]).filter(([key]) => branches.every((each) => key in each)),
  );
}

/** Return a schema and every subschema that may apply to a mapping with these keys. */
function variants(schema, root, keys, isFirst = true) {
  if (!schema) return [];
  const { $ref, if: condition, then: yes, else: no, anyOf = [], oneOf = [], allOf = [], ...own } = schema;
  const found = [own];
  if ($ref) found.push(...variants(root.$defs[$ref.split("/").at(-1)], root, keys));
  if (condition?.required) {
    found.push(...variants(condition.required.every((each) => keys.has(each)) ? yes : no, root, keys, false));
    if (isFirst && found.some((each) => each["x-keys"]))
      found.push({ properties: inEveryBranch(schema, root) });
  }
  if (condition && !condition.required) found.push(...variants(yes, root, keys), ...variants(no, root, keys));
  for (const each of [...anyOf, ...oneOf, ...allOf]) found.push(...variants(each, root, keys));
  return found;
}

const inside = (schemas, step) =>
  schemas.flatMap(
    (each) =>
      (step === "[]" ? each.items : each.properties?.[step]) ??
      Object.entries(each.patternProperties ?? {})
        .filter(([pattern]) => new RegExp(pattern).test(step))
        .map(([, value]) => value),
  );

const firstOf = (schemas, name) => schemas.map((each) => each[name]).find(Boolean) ?? "";

/** Return the values that the schemas list: enums, constants and booleans. */
function words(schemas) {
  const found = schemas.flatMap(
    (each) => each.enum ?? ("const" in each ? [each.const] : each.type === "boolean" ? [true, false] : []),
  );
  return [...new Set(found)].map((value) => ({
    text: String(value),
    insert: String(value) === "*" ? '"*"' : String(value),
    about: "",
  }));
}

/** Return the keys that can still be added to a mapping. */
function keysOf(schemas, root, keys) {
  const found = new Map();
  for (const each of schemas) {
    for (const [key, value] of Object.entries(each.properties ?? {}))
      found.set(key, firstOf(variants(value, root, new Set()), "description"));
    for (const key of each["x-keys"] ?? []) found.set(key, "");
  }
  return [...found]
    .filter(([key]) => !keys.has(key))
    .map(([key, about]) => ({ text: key, insert: `${key}: `, about }));
}

/**
 * Return the completions at the end of a text, which is a scenario up to the cursor.
 *
 * `typed` is the part of a word before the cursor, and `items` are the completions that begin with
 * it. If there are none, `expected` says what the schema expects.
 */
export function complete(text, root) {
  const typed = WORD.exec(text.split("\n").at(-1))[0];
  const frames = openFrames(text.slice(0, text.length - typed.length));
  let found = [root];
  let schemas = found;
  for (const { step, keys } of frames) {
    if (step !== null) found = inside(schemas, step); // null: braces of the mapping that is already open
    schemas = found.flatMap((each) => variants(each, root, keys));
  }
  const { pending, keys, list } = frames.at(-1);
  let items;
  if (pending !== null || list) {
    schemas = inside(schemas, list ? "[]" : pending).flatMap((each) => variants(each, root, new Set()));
    const ofMapping = keysOf(schemas, root, new Set()).map((each) => ({
      ...each,
      insert: `{${each.insert}`,
    }));
    items = [...words(schemas), ...(list ? ofMapping : [])];
  } else {
    const ofItem = inside(schemas, "[]").flatMap((each) => variants(each, root, new Set()));
    items = [
      ...keysOf(schemas, root, keys),
      ...(keys.size ? [] : words(schemas)),
      ...keysOf(ofItem, root, new Set()).map((each) => ({ ...each, insert: `- ${each.insert}` })),
    ];
  }
  const known = items.filter((each) => each.text !== typed && each.text.startsWith(typed));
  return { typed, items: known, expected: known.length ? "" : firstOf(schemas, "x-expected") };
}
