/** The folder that the program was installed into, with package.json and the vectors: of src/cli and of dist/cli. */
export const installation: URL = new URL("../../", import.meta.url);
