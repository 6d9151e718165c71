/** Who this program is. It says "lab stand-in" wherever a person could take it for the real thing. */

/** The version of the parts behind the front; build.sh stamps the same one into them. */
export const VERSION = "v1.37.2+k3s1";
const COMMIT = "1ab1ab1a";
const GO_VERSION = "go1.26.8";

export const STARTING = `Starting k3s ${VERSION} (${COMMIT})`;

/** Two lines, as K3s prints them (k3s-observed.md 16). */
export const VERSION_TEXT = `k3s version ${VERSION} (${COMMIT})\ngo version ${GO_VERSION}\n`;

export const HELP = `NAME:
   k3s - LAB STAND-IN for K3s: its commands, files, texts and exit codes around real upstream parts

   This is not K3s. It exists so that railiance-cluster can be tested where no K3s can be had.
   Real behind it: etcd, kine with SQLite, kube-apiserver, controller-manager, scheduler, kubectl.
   Imitated: everything else, after observations of K3s (tests/lab/README.md).

USAGE:
   k3s [global options] command [command options]

COMMANDS:
   server           Run management server
   kubectl          Run kubectl
   etcd-snapshot    Manage etcd snapshots: save, ls, delete, prune
   secrets-encrypt  Control secrets encryption: status
   token            Manage tokens: rotate, list

GLOBAL OPTIONS:
   --help, -h     show help
   --version, -v  print the version
`;
