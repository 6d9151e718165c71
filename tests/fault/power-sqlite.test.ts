import { describePowerCuts } from "./power.ts";

describePowerCuts("sqlite");
