import { describeDiskErrors } from "./disk.ts";

describeDiskErrors("etcd");
