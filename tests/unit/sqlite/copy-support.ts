/** From a folder's database to a copy in a folder below. */
export const copyOf = (folder: string) => ({
  from: `${folder}/state.db`,
  to: `${folder}/copy/state.db`,
});
