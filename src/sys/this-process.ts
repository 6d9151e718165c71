/** What the runtime knows of this process. */

export const THIS_PROCESS: { readonly pid: number; readonly architecture: string } = {
  pid: process.pid,
  architecture: process.arch,
};
