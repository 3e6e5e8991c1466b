import { stripTypeScriptTypes } from "node:module";
import { parseAst } from "vitest/node";

/** One change of the source: the node that looks like `find`, within a function, becomes `replace`. */
export interface Edit {
  /** A file of `runtime/sync`, without its extension. */
  file: string;
  /** `Class.method`, `Class.#method`, or the name of a function. */
  within: string;
  /** One statement with its semicolon, or an expression. Compared as a syntax tree: comments and layout do not matter. */
  find: string;
  /** Empty: the statement is removed. */
  replace: string;
}

/** A node of the syntax tree, as far as it is used here. */
interface Node {
  type: string;
  start: number;
  end: number;
  [field: string]: unknown;
}

/**
 * Applies one edit to a TypeScript source.
 * @returns JavaScript.
 * @throws {Error} if the function is not there, or not exactly one node in it looks like `find`.
 */
export function mutate(source: string, { within, find, replace }: Edit): string {
  const code = stripTypeScriptTypes(source);
  const scope = functionNamed(parseAst(code) as unknown as Node, within);
  if (scope === undefined) throw new Error(`Cannot mutate: there is no ${within}`);
  const pattern = patternOf(find);
  const found = nodesOf(scope).filter((node) => isSame(node, pattern));
  if (found.length !== 1) throw new Error(`Cannot mutate ${within}: ${found.length} nodes look like ${find}`);
  const [{ start, end }] = found as [Node];
  return code.slice(0, start) + (replace || ";") + code.slice(end);
}

/** The pattern is parsed in a method of a class that declares the private names in it. */
function patternOf(text: string): Node {
  const names = [...new Set(text.match(/#\w+/g))].map((name) => `${name};`).join("");
  const isStatement = text.endsWith(";");
  const inside = isStatement ? text : `[${text}];`;
  const ast = parseAst(
    `class Pattern { ${names} async pattern() { for (;;) { ${inside} } } }`,
  ) as unknown as Node;
  const loop = nodesOf(ast).find(({ type }) => type === "ForStatement")!;
  const [statement] = (loop.body as Node).body as [Node];
  return isStatement ? statement : ((statement.expression as Node).elements as [Node])[0];
}

function functionNamed(ast: Node, name: string): Node | undefined {
  const [owner, method] = name.split(".") as [string, string?];
  const isOwner = ({ type, id }: Node) =>
    type === (method === undefined ? "FunctionDeclaration" : "ClassDeclaration") &&
    (id as Node)?.name === owner;
  const found = nodesOf(ast).find(isOwner);
  if (found === undefined || method === undefined) return found;
  return nodesOf(found).find(
    ({ type, key }) => type === "MethodDefinition" && nameOf(key as Node) === method,
  );
}

function nameOf({ type, name }: Node): string {
  return `${type === "PrivateIdentifier" ? "#" : ""}${name}`;
}

/** A node and all nodes in it. */
function nodesOf(node: Node): Node[] {
  const inner = Object.values(node).flatMap((value) => (Array.isArray(value) ? value : [value]));
  return [node, ...inner.filter(isNode).flatMap(nodesOf)];
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as Node).type === "string";
}

/** Whether two values are the same but for their positions. */
function isSame(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((value, index) => isSame(value, b[index]));
  }
  if (!isNode(a) || !isNode(b)) return a === b;
  const fields = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const field of ["start", "end", "range", "loc", "parent"]) fields.delete(field);
  return [...fields].every((field) => isSame(a[field], b[field]));
}
