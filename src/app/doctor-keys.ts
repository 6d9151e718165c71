/** Who could open the next backup, and what happens to that when this host is lost. */
import { discoverIdentities } from "../keys/identities.ts";
import { proveOpens } from "../keys/prove.ts";
import { resolveRecipients } from "../keys/recipients.ts";
import { count } from "../words.ts";
import { fail, guarded, ok, warn } from "./doctor-check.ts";
import { keyWarnings } from "./key-problems.ts";
import type { FoundIdentities } from "../keys/found.ts";
import type { FoundArchive } from "./archives.ts";
import type { Context } from "./context.ts";
import type { DoctorCheck } from "./doctor-check.ts";
import type { DoctorOptions } from "./doctor.ts";

/** As the next backup would do it, up to the proof; asks for no passphrase. */
export async function keyChecks(
  context: Context,
  options: DoctorOptions,
  newest: FoundArchive | undefined,
): Promise<readonly DoctorCheck[]> {
  const { host } = context;
  return guarded(host, "keys.recipients", async () => {
    const identities = await discoverIdentities(host, { files: options.identityFiles });
    const resolved = await resolveRecipients(host, {
      recipients: options.recipients,
      recipientFiles: options.recipientFiles,
      ...(options.sopsConfig === undefined ? {} : { sopsConfig: options.sopsConfig }),
      workingDirectory: options.workingDirectory,
      target: `${options.directory}/railiance-cluster.tar.zst.age`,
      identities,
    });
    const { recipients, source, warnings } = resolved;
    const onlyHere = warnings.find(({ code }) => code === "KEY_ONLY_HERE");
    const proof = await guarded(host, "keys.identity", async () => {
      const { openedBy } = await proveOpens({
        recipients,
        identities,
        writeOnly: options.writeOnly,
      });
      return ok("keys.identity", identityText(openedBy.length));
    });
    return [
      ok(
        "keys.recipients",
        `the next backup is for ${count(recipients.length, "recipient")} (${source})`,
      ),
      ...proof,
      onlyHere === undefined
        ? ok("keys.elsewhere", elsewhereText(identities, recipients))
        : warn("keys.elsewhere", onlyHere.message, onlyHere.hint),
      ...[...keyWarnings({ ...context, talk: () => undefined }, identities), ...warnings]
        .filter(({ code }) => code !== "KEY_ONLY_HERE")
        .map(({ message, hint }) => warn("keys.found", message, hint)),
      ...newestCheck(newest, identities, options.writeOnly),
    ];
  });
}

function identityText(opening: number): string {
  return opening === 0
    ? "no identity here opens it, on purpose (--write-only)"
    : `${count(opening, "identity").replace("identitys", "identities")} on this host ${opening === 1 ? "opens" : "open"} it, tried on a real age file`;
}

function elsewhereText(identities: FoundIdentities, recipients: readonly string[]): string {
  const here = new Set(identities.identities.map(({ recipient }) => recipient));
  const away = recipients.filter((recipient) => !here.has(recipient));
  return `${count(away.length, "recipient")} ${away.length === 1 ? "has its" : "have their"} key elsewhere: losing this host does not lose the backups`;
}

/** A key that was changed since leaves the archives of before to the old one. */
function newestCheck(
  newest: FoundArchive | undefined,
  { identities }: FoundIdentities,
  writeOnly: boolean,
): DoctorCheck[] {
  const sealedFor = newest?.sidecar?.recipients;
  if (newest === undefined || sealedFor === undefined || writeOnly) return [];
  if (identities.some(({ recipient }) => sealedFor.includes(recipient))) return [];
  return [
    fail("keys.newest", `no identity on this host opens the newest archive ${newest.name}`, {
      exit: "key",
      hint: `a restore here needs the key it was made for: railiance-cluster restore -i FILE; it was made for ${sealedFor.join(", ")}`,
    }),
  ];
}
