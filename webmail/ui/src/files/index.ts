// Stored files, for the worker of files: sealing, opening by ranges or as they come, and what
// hands their keys on (docs/formats.md, "Files"). Go has the same in filestore/sealed.

export { identityOf } from "./age.ts";
export { openDrop, outgoing, receiverOf, sealDrop } from "./drop.ts";
export { type Entry, type FileEntry, type Folder, type FolderEntry, type Version, decodeFolder, drawer, encodeFolder, headOf, maxDepth, root, taken, validFolder } from "./folder.ts";
export type { Head } from "./head.ts";
export { type Ask, OpenedLink, type StoredObject, isFragment, makeLink, newFragment, openAsk, sealAsk } from "./link.ts";
export { cleanName, localName, nameKey, validName } from "./names.ts";
export { SealedFile, type Source, receive, sourceOf } from "./open.ts";
export { type Pieces, Sealing, newSecret, pieces, toStream } from "./seal.ts";
export { type Stub, parseStub } from "./stub.ts";
export { maxLength, sealedSize } from "./sizes.ts";
