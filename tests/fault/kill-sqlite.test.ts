import { describeKills } from "./kill.ts";

describeKills("sqlite");
