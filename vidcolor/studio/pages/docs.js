// @ts-check
// Lists the endpoints of /api/openapi.json.

/** @typedef {{name: string, in: string, required?: boolean, description?: string, schema?: any}} Parameter */
/** @typedef {{summary?: string, description?: string, tags?: string[], parameters?: Parameter[], requestBody?: any, responses: Record<string, {description: string}>}} Operation */

/**
 * @param {string} tag
 * @param {string} [text]
 * @param {string} [className]
 */
function make(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

/**
 * Describes a JSON schema in one line.
 * @param {any} schema
 * @param {any} schemas
 * @returns {string}
 */
function describe(schema, schemas) {
  if (!schema) return "";
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    const fields = Object.keys(schemas[name]?.properties ?? {});
    return fields.length ? `{${fields.join(", ")}}` : name;
  }
  if (schema.anyOf) return schema.anyOf.map((/** @type {any} */ s) => describe(s, schemas)).join(" or ");
  if (schema.oneOf) return schema.oneOf.map((/** @type {any} */ s) => describe(s, schemas)).join(" or ");
  if (schema.enum) return schema.enum.join(", ");
  if (schema.const !== undefined) return String(schema.const);
  if (schema.type === "array") return `list of ${describe(schema.items, schemas)}`;
  return schema.type ?? "";
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Operation} operation
 * @param {any} schemas
 */
function makeEndpoint(method, path, operation, schemas) {
  const details = make("details");
  const summary = make("summary");
  summary.append(make("code", method.toUpperCase(), "method"), make("code", path));
  details.append(summary, make("p", operation.description ?? operation.summary ?? ""));
  const rows = (operation.parameters ?? []).map((p) => [
    p.name,
    `${p.in}${p.required ? "" : ", optional"}`,
    [describe(p.schema, schemas), p.description].filter(Boolean).join("; "),
  ]);
  for (const [type, content] of Object.entries(operation.requestBody?.content ?? {})) {
    rows.push(["body", type, describe(/** @type {any} */ (content).schema, schemas)]);
  }
  for (const [status, response] of Object.entries(operation.responses)) {
    rows.push([status, "answer", response.description]);
  }
  const table = make("table");
  for (const row of rows) {
    const line = make("tr");
    line.append(...row.map((text, index) => make(index ? "td" : "th", text)));
    table.append(line);
  }
  details.append(table);
  return details;
}

async function main() {
  const example = /** @type {HTMLElement} */ (document.getElementById("example"));
  example.textContent =
    `curl -H "Authorization: Bearer $TOKEN" -H "X-Vidcolor: 1" \\\n` +
    `  --data-binary @photo.jpg "${location.origin}/api/photos?name=photo.jpg"\n` +
    `curl -H "Authorization: Bearer $TOKEN" "${location.origin}/api/jobs/JOB?wait=30"\n` +
    `curl -H "Authorization: Bearer $TOKEN" -OJ "${location.origin}/api/photos/PHOTO/result"`;
  const target = /** @type {HTMLElement} */ (document.getElementById("endpoints"));
  const response = await fetch("/api/openapi.json");
  if (!response.ok) {
    target.replaceChildren(make("p", "The list cannot be loaded; open the studio again."));
    return;
  }
  const document_ = await response.json();
  /** @type {Map<string, HTMLElement[]>} */
  const groups = new Map();
  for (const [path, operations] of Object.entries(document_.paths)) {
    for (const [method, operation] of Object.entries(/** @type {Record<string, Operation>} */ (operations))) {
      const group = operation.tags?.[0] ?? "other";
      const items = groups.get(group) ?? [];
      items.push(makeEndpoint(method, path, operation, document_.components?.schemas ?? {}));
      groups.set(group, items);
    }
  }
  target.replaceChildren(
    ...[...groups].flatMap(([group, items]) => [make("h2", group), ...items]),
  );
}

main();
