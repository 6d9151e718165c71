import { describePowerCuts } from "./power.ts";

describePowerCuts("etcd");
