/** `k3s etcd-snapshot`: flags, texts and exit codes of the client (k3s-observed.md 2, 8, 9, 11). */
import { stringify } from "yaml";
import { field } from "./api.ts";
import { connect, tokenFrom } from "./client.ts";
import type { Supervised } from "./client.ts";
import { configurationArguments } from "./config.ts";
import { list, onOff, parseFlags, text, UsageError, usageText } from "./flags.ts";
import type { Flags, FlagSpec } from "./flags.ts";
import { fatal, FrontError, log, textOf } from "./log.ts";
import { defaultDataDir, pathsOf } from "./paths.ts";
import { snapshotObject } from "./snapshots.ts";
import type { SnapshotFile } from "./snapshots.ts";

const COMMON: readonly FlagSpec[] = [
  onOff("debug", "K3S_DEBUG"),
  text("config c", "K3S_CONFIG_FILE"),
  text("log l"),
  onOff("alsologtostderr"),
  text("node-name", "K3S_NODE_NAME"),
  text("data-dir d", "K3S_DATA_DIR"),
  text("etcd-token t", "K3S_ETCD_TOKEN"),
  text("etcd-server s", "K3S_ETCD_SERVER", "https://127.0.0.1:6443"),
  text("name", undefined, "on-demand"),
  text("dir etcd-snapshot-dir"),
  onOff("snapshot-compress etcd-snapshot-compress"),
  text("snapshot-retention etcd-snapshot-retention", undefined, "5"),
  onOff("s3 etcd-s3"),
  ...["endpoint", "access-key", "secret-key", "bucket", "region", "folder", "timeout"].map((name) =>
    text(`s3-${name} etcd-s3-${name}`),
  ),
  list("etcd-arg"),
];
const LIST = [...COMMON, text("output o", undefined, "table")];

/** Runs one subcommand; ends the process itself on failure. */
export async function snapshotCommand(args: readonly string[]): Promise<void> {
  const [verb = "", ...rest] = args;
  const command = { ls: "ls", list: "ls", l: "ls", save: "save", delete: "delete", prune: "prune" }[
    verb
  ];
  if (command === undefined) {
    process.stdout.write(usageText("etcd-snapshot save|ls|delete|prune", COMMON));
    if (verb !== "" && verb !== "--help" && verb !== "-h")
      fatal(`Error: No help topic for '${verb}'`);
    return;
  }
  const specs = command === "ls" ? LIST : COMMON;
  if (rest.includes("--help") || rest.includes("-h")) {
    process.stdout.write(usageText(`etcd-snapshot ${command}`, specs));
    return;
  }
  try {
    const flags = parseFlags(specs, [...configurationArguments(specs, rest), ...rest]);
    await run(command, flags);
  } catch (error) {
    if (error instanceof UsageError)
      process.stdout.write(usageText(`etcd-snapshot ${command}`, specs));
    if (textOf(error).startsWith("yaml: ")) fatal(textOf(error));
    if (error instanceof FrontError) fatal(`Error: ${textOf(error)}`);
    throw error;
  }
}

async function run(command: string, flags: Flags): Promise<void> {
  if (
    (command === "save" || command === "ls" || command === "prune") &&
    flags.positional.length > 0
  ) {
    throw new FrontError("this command does not take any arguments");
  }
  if (command === "delete" && flags.positional.length === 0) {
    throw new FrontError("no snapshots given for removal");
  }
  const paths = pathsOf(flags.text("data-dir") || defaultDataDir());
  const token = flags.text("etcd-token") || tokenFrom(paths.token);
  const server = await connect(flags.text("etcd-server"), { token });
  const dir = flags.text("dir");
  switch (command) {
    case "save":
      return save(server, { flags, dir });
    case "ls":
      return show(await ask(server, { operation: "list", dir }), flags.text("output"));
    case "delete":
      return remove(server, { names: flags.positional, dir });
    default:
      for (const name of namesIn(
        await ask(server, {
          operation: "prune",
          dir,
          names: [flags.text("name")],
          retention: flags.text("snapshot-retention"),
        }),
        "deleted",
      )) {
        log.info(`Snapshot ${name} deleted.`);
      }
  }
}

async function ask(server: Supervised, body: unknown): Promise<unknown> {
  try {
    return await server.post("/db/snapshot", body);
  } catch (error) {
    throw new FrontError(`see server log for details: ${textOf(error)}`);
  }
}

async function save(
  server: Supervised,
  options: { readonly flags: Flags; readonly dir: string },
): Promise<void> {
  const { flags, dir } = options;
  const compress = flags.given("snapshot-compress")
    ? { compress: flags.on("snapshot-compress") }
    : {};
  const answer = await ask(server, {
    operation: "save",
    dir,
    names: [flags.text("name")],
    ...compress,
  });
  // A save that failed answers with an empty list, and nothing is said about it.
  for (const name of namesIn(answer, "created")) log.info(`Snapshot ${name} saved.`);
}

async function remove(
  server: Supervised,
  options: { readonly names: readonly string[]; readonly dir: string },
): Promise<void> {
  const deleted = namesIn(await ask(server, { operation: "delete", ...options }), "deleted");
  for (const name of options.names) {
    if (deleted.includes(name)) log.info(`Snapshot ${name} deleted.`);
    else log.warning(`Snapshot ${name} not found.`);
  }
}

function namesIn(answer: unknown, key: string): string[] {
  const names = field(answer, key);
  return Array.isArray(names) ? names.map(String) : [];
}

function show(answer: unknown, output: string): void {
  const files = filesIn(answer);
  const objects = files.map((file) => snapshotObject(file, { hashed: false }));
  const whole = {
    kind: "List",
    apiVersion: "v1",
    metadata: {},
    items: objects.length > 0 ? objects : null,
  };
  if (output === "json") process.stdout.write(`${JSON.stringify(whole, null, 4)}\n`);
  else if (output === "yaml") process.stdout.write(stringify(whole));
  else process.stdout.write(table(objects));
}

function filesIn(answer: unknown): SnapshotFile[] {
  const files = field(answer, "files");
  return (Array.isArray(files) ? files : []).map((file: unknown) => ({
    name: String(field(file, "name")),
    nodeName: String(field(file, "nodeName")),
    location: String(field(file, "location")),
    size: Number(field(file, "size")),
    created: Number(field(file, "created")),
  }));
}

function table(objects: readonly ReturnType<typeof snapshotObject>[]): string {
  const rows = [
    ["Name", "Location", "Size", "Created"],
    ...objects.map(({ spec, status }) => [
      spec.snapshotName,
      spec.location,
      "size" in status ? (status.size ?? "") : "",
      status.creationTime,
    ]),
  ];
  const widths = [0, 1, 2].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" ")}\n`)
    .join("");
}
