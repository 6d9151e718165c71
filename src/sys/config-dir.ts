/** The home folder that the user database names, for processes that were started without `HOME`. */
import { userInfo } from "node:os";

/**
 * Home folder of the user this process runs as, from the user database
 * (passwd); undefined when the user has no entry or no home there. Meant for
 * cron and systemd, which start services without `HOME`: some runtimes answer
 * with `HOME` itself when it is set.
 */
export function passwdHome(): string | undefined {
  try {
    const home = userInfo().homedir;
    return home === "" ? undefined : home;
  } catch {
    return undefined; // a uid without an entry, as in containers
  }
}
