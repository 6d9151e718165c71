/** The lab's `k3s`: argv in, exit code out. */
import { HELP, VERSION_TEXT } from "./about.ts";
import { kubectlCommand } from "./kubectl.ts";
import { fatal } from "./log.ts";
import { serverCommand } from "./server.ts";
import { snapshotCommand } from "./snapshot-command.ts";
import { encryptCommand, tokenCommand } from "./token-command.ts";

const calledAs = (process.argv0.split("/").at(-1) ?? "") === "kubectl" ? ["kubectl"] : [];
const [command = "--help", ...args] = [...calledAs, ...process.argv.slice(2)];

switch (command) {
  case "server":
    await serverCommand(args);
    break;
  case "etcd-snapshot":
    await snapshotCommand(args);
    break;
  case "kubectl":
    await kubectlCommand(args);
    break;
  case "token":
    await tokenCommand(args);
    break;
  case "secrets-encrypt":
    await encryptCommand(args);
    break;
  case "--version":
  case "-v":
    process.stdout.write(VERSION_TEXT);
    break;
  case "--help":
  case "-h":
  case "help":
    process.stdout.write(HELP);
    break;
  default:
    process.stdout.write(HELP);
    fatal(`Error: No help topic for '${command}'`);
}
