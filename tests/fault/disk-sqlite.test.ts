import { describeDiskErrors } from "./disk.ts";

describeDiskErrors("sqlite");
