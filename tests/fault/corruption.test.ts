/** Random damage to archives of either datastore: `verify` and `restore` refuse every one, before anything is touched. */
import { describe, expect, test } from "bun:test";
import { contentDigest, layersOf } from "./corruption/layers.ts";
import { MUTATIONS } from "./corruption/mutations.ts";
import { damageRounds, faultSeed } from "./corruption/random.ts";
import { damagedArchive, tried } from "./corruption/round.ts";
import { released } from "./old-archives/released.ts";
import { recordFault } from "./rows.ts";
import type { Outcome } from "./corruption/round.ts";

const seed = faultSeed();
const rounds = damageRounds();

for (const kind of ["etcd", "sqlite"] as const) {
  describe(`archives of ${kind}`, () => {
    const archive = released(kind === "etcd" ? "0.1.0/everything" : "0.1.0/sqlite");

    test(`${rounds} random damages are all refused, by verify and by restore`, async () => {
      process.stderr.write(`corruption of ${kind}: ${rounds} damages, FAULT_SEED=${seed}\n`);
      const layers = await layersOf(archive.bytes, archive.identity);
      const digest = await contentDigest(archive.bytes, archive.identity);
      const sound = { layers, name: archive.file, digest };
      const counts: Record<Outcome, number> = { refused: 0, same: 0, accepted: 0 };
      const codes = new Map<string, number>();
      const harmless = new Map<string, number>();
      const wrong: string[] = [];
      // What changes nothing is no damage, and another one is made in its place.
      for (let round = 0; counts.refused + counts.accepted < rounds; round += 1) {
        const { mutation, bytes } = await damagedArchive(layers, { seed, round });
        const { outcome, said } = await tried(bytes, sound);
        counts[outcome] += 1;
        if (outcome === "refused") codes.set(said, (codes.get(said) ?? 0) + 1);
        if (outcome === "same") harmless.set(mutation.name, (harmless.get(mutation.name) ?? 0) + 1);
        if (outcome === "accepted") wrong.push(`round ${round}, ${mutation.name}: ${said}`);
      }
      report(kind, { counts, codes, harmless });
      recordFault({
        family: "corruption",
        fault: `${kind}: damage on the way, or before encryption (${MUTATIONS.length} kinds)`,
        tried: rounds,
        survived: counts.refused,
        lost: counts.accepted,
      });
      expect(wrong).toEqual([]);
    }, 1_200_000);
  });
}

function report(
  kind: string,
  seen: {
    readonly counts: Readonly<Record<Outcome, number>>;
    readonly codes: ReadonlyMap<string, number>;
    readonly harmless: ReadonlyMap<string, number>;
  },
): void {
  const list = (map: ReadonlyMap<string, number>): string =>
    [...map].map(([name, count]) => `${name} ${count}`).join(", ") || "none";
  const { refused, same, accepted } = seen.counts;
  process.stderr.write(
    `${kind}: ${refused} refused (${list(seen.codes)}); ${accepted} accepted; ` +
      `${same} changed nothing that a reader gets (${list(seen.harmless)})\n`,
  );
}
