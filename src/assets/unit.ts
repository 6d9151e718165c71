/** The systemd unit, its drop-ins and environment files: a reset by hand does not inherit them. */
import { addHostFile } from "./host-file.ts";
import { count } from "../words.ts";
import type { Asset } from "./asset.ts";
import type { Settings } from "../k3s/settings.ts";

export function unitAsset(settings: Settings): Asset {
  return {
    name: "unit and environment files",
    async collect(source, collector) {
      const unit = settings.unit;
      if (unit === undefined) {
        source.note("there is no k3s.service on this host; no unit was saved");
        return "no unit";
      }
      let found = 0;
      for (const path of [...unit.files, ...unit.environmentFiles]) {
        if (await addHostFile(collector, path, { kind: "unit" })) found += 1;
      }
      return count(found, "unit file");
    },
  };
}
