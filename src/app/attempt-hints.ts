/** Command lines around K3s. */

/** Stops K3s, runs a command, starts K3s again. */
export function restartWith(command: string): string {
  return `systemctl stop k3s && ${command} && systemctl start k3s`;
}
