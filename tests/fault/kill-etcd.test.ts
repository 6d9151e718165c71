import { describeKills } from "./kill.ts";

describeKills("etcd");
