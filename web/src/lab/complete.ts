// Completion from the JSON Schema of scenarios, which the reader's own tables give.
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";

export interface Schema {
  description?: string;
  type?: string;
  $ref?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  then?: Schema;
  else?: Schema;
  enum?: unknown[];
  const?: unknown;
  $defs?: Record<string, Schema>;
}

/** Everything that a value may be, with references followed. */
function forms(root: Schema, schema: Schema): Schema[] {
  if (schema.$ref) {
    const name = decodeURIComponent(schema.$ref.replace("#/$defs/", "")).replaceAll("~1", "/").replaceAll("~0", "~");
    const target = root.$defs?.[name];
    return target ? forms(root, target) : [];
  }
  // A table may also say which of its keys go together; they are its own.
  if (schema.properties) return [schema];
  const inner = [...(schema.anyOf ?? []), ...[schema.then, schema.else, schema.items].filter((one) => one !== undefined)];
  return inner.length > 0 ? inner.flatMap((one) => forms(root, one)) : [schema];
}

/** The keys of a table that stands at this path from the root. */
function keysAt(root: Schema, path: string[]): Record<string, Schema> {
  let tables: Schema[] = [root];
  for (const part of path) {
    tables = tables.flatMap((table) => {
      const value = table.properties?.[part];
      return value ? forms(root, value) : [];
    });
  }
  return Object.assign({}, ...tables.map((table) => table.properties ?? {})) as Record<string, Schema>;
}

/** What can stand at a place: the keys of its table, the words of its value, or the headers of tables. */
export function completions(root: Schema, before: string): { from: number; options: Completion[] } | null {
  const lines = before.split("\n");
  const line = lines.pop() ?? "";
  const header = /^\s*\[\[?([\w.-]*)$/.exec(line);
  if (header) {
    const names = Object.keys(root.$defs ?? {}).filter((name) => name.startsWith("["));
    return { from: before.length - line.trimStart().length, options: names.map((label) => ({ label, type: "class" })) };
  }
  const table = lines.findLast((one) => /^\s*\[/.test(one));
  const path = (/\[\[?([\w."-]+)\]/.exec(table ?? "")?.[1] ?? "").split(".").filter((part) => part !== "");
  const value = /^\s*([\w.-]+)\s*=\s*"([^"]*)$/.exec(line);
  if (value?.[1] !== undefined && value[2] !== undefined) {
    const parts = value[1].split(".");
    const key = parts.pop() ?? "";
    const schema = keysAt(root, [...path, ...parts])[key];
    const words = (schema ? forms(root, schema) : []).flatMap((form) => form.enum ?? (form.const === undefined ? [] : [form.const]));
    const options = words.filter((word) => typeof word === "string").map((label) => ({ label, type: "constant" }));
    return options.length > 0 ? { from: before.length - value[2].length, options } : null;
  }
  const typed = /^\s*((?:[\w-]+\.)*)([\w-]*)$/.exec(line);
  if (!typed) return null;
  const parts = (typed[1] ?? "").split(".").filter((part) => part !== "");
  const keys = Object.entries(keysAt(root, [...path, ...parts]));
  const options = keys.map(([label, { description }]) => ({ label, type: "property", ...(description ? { info: description } : {}) }));
  return options.length > 0 ? { from: before.length - (typed[2] ?? "").length, options } : null;
}

/** For the editor; the schema comes when it is first needed. */
export function completer(schema: () => Promise<Schema>) {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const found = completions(await schema(), context.state.sliceDoc(0, context.pos));
    const begun = found !== null && context.pos > found.from;
    return found && (begun || context.explicit) ? { ...found, validFor: /^[\w[\].-]*$/ } : null;
  };
}
