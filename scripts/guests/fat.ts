// SPDX-License-Identifier: GPL-2.0-only
/**
 * A FAT16 file system of given files, as UEFI takes it for an EFI system partition: the whole disk
 * is the one volume, without a partition table.
 *
 * ```
 *   sector 0        boot record: how the volume is laid out (BIOS parameter block)
 *   1               file allocation table, twice: for each cluster the next one of its file
 *   …               root folder, 512 entries
 *   …               clusters from number 2 on: files and folders
 * ```
 * Names are of the old form, eight characters and three; UEFI and GRUB read them without regard to
 * case. Times are the format's first day. Source: Microsoft, "FAT: General Overview of On-Disk
 * Format", version 1.03.
 */

/** A file: folders stand before its name, "/" between them. */
export interface FatFile {
  readonly path: string;
  readonly content: Uint8Array;
}

const SECTOR = 512;
const ENTRY = 32;
const ROOT_ENTRIES = 512;
const FATS = 2;
const RESERVED_SECTORS = 1;
/** Fewer is FAT12, more is FAT32: readers tell the three apart by this number alone. */
const LEAST_CLUSTERS = 4085;
const MOST_CLUSTERS = 65524;
const MOST_SECTORS_PER_CLUSTER = 64;
const FIRST_CLUSTER = 2;
const END_OF_FILE = 0xffff;
const FIXED_DISK = 0xf8;
const ATTRIBUTE_FOLDER = 0x10;
const ATTRIBUTE_FILE = 0x20;
/** 1980-01-01, the day that the format counts from. */
const FIRST_DAY = 0x0021;

interface Folder {
  readonly folders: Map<string, Folder>;
  readonly files: Map<string, Uint8Array>;
}

/** Sizes of the parts, in sectors. */
interface Layout {
  readonly sectorsPerCluster: number;
  readonly clusters: number;
  readonly fatSectors: number;
  readonly rootStart: number;
  readonly dataStart: number;
  readonly sectors: number;
}

/**
 * The image: as small as FAT16 with these files may be, at least 2 MiB. Same input, same bytes.
 * @throws RangeError for a name that is not of eight characters and three, for more than 512
 * entries at the root, and for more than 2 GiB; Error for a path given twice, or for one that is a
 * folder as well
 */
export function writeFat16(files: readonly FatFile[]): Uint8Array {
  const root: Folder = { folders: new Map(), files: new Map() };
  for (const file of files) place(root, file);
  if (root.folders.size + root.files.size > ROOT_ENTRIES) {
    throw new RangeError(`${ROOT_ENTRIES} entries fit at the root of a FAT16 volume; put files into folders`);
  }
  const volume = new Volume(layoutFor(root));
  volume.writeFolder(root, null, 0);
  return volume.image;
}

function place(root: Folder, { path, content }: FatFile): void {
  const names = path.split('/').map((name) => shortName(name, path));
  const last = names.pop() ?? '';
  let folder = root;
  for (const name of names) {
    let next = folder.folders.get(name);
    if (next === undefined) {
      next = { folders: new Map(), files: new Map() };
      folder.folders.set(name, next);
    }
    if (folder.files.has(name)) throw new Error(`${path}: ${name.trim()} is a file and a folder`);
    folder = next;
  }
  if (folder.files.has(last) || folder.folders.has(last)) throw new Error(`${path} is there twice`);
  folder.files.set(last, content);
}

/** "grub.cfg" as it stands in a folder: "GRUB    CFG". */
function shortName(name: string, path: string): string {
  const parts = /^([\w$%'@~!#&(){}^-]{1,8})(?:\.([\w$%'@~!#&(){}^-]{1,3}))?$/.exec(name);
  if (parts === null) {
    throw new RangeError(`${path}: "${name}" is no FAT name; eight characters, a dot and three more are`);
  }
  return `${(parts[1] ?? '').padEnd(8)}${(parts[2] ?? '').padEnd(3)}`.toUpperCase();
}

function layoutFor(root: Folder): Layout {
  for (let sectorsPerCluster = 1; sectorsPerCluster <= MOST_SECTORS_PER_CLUSTER; sectorsPerCluster *= 2) {
    const used = clustersOf(root, sectorsPerCluster * SECTOR);
    if (used > MOST_CLUSTERS) continue;
    const clusters = Math.max(used, LEAST_CLUSTERS);
    const fatSectors = Math.ceil(((clusters + FIRST_CLUSTER) * 2) / SECTOR);
    const rootStart = RESERVED_SECTORS + FATS * fatSectors;
    const dataStart = rootStart + (ROOT_ENTRIES * ENTRY) / SECTOR;
    const sectors = dataStart + clusters * sectorsPerCluster;
    return { sectorsPerCluster, clusters, fatSectors, rootStart, dataStart, sectors };
  }
  throw new RangeError('the files are more than FAT16 holds, 2 GiB');
}

/** Clusters of all contents below `folder`, without `folder` itself. */
function clustersOf(folder: Folder, clusterBytes: number): number {
  let clusters = 0;
  for (const content of folder.files.values()) clusters += Math.ceil(content.length / clusterBytes);
  for (const inner of folder.folders.values()) {
    clusters += Math.ceil(folderBytes(inner) / clusterBytes) + clustersOf(inner, clusterBytes);
  }
  return clusters;
}

/** Size of a folder other than the root, in bytes, with its two entries "." and "..". */
function folderBytes(folder: Folder): number {
  return (2 + folder.folders.size + folder.files.size) * ENTRY;
}

class Volume {
  readonly image: Uint8Array;
  private readonly view: DataView;
  private readonly layout: Layout;
  private nextCluster = FIRST_CLUSTER;

  constructor(layout: Layout) {
    this.layout = layout;
    this.image = new Uint8Array(layout.sectors * SECTOR);
    this.view = new DataView(this.image.buffer);
    this.writeBootRecord();
    this.setNext(0, 0xff00 | FIXED_DISK);
    this.setNext(1, END_OF_FILE);
  }

  /**
   * Writes what is in `folder`, and its entries where it begins: `cluster`, null for the root.
   * `parent` is 0 for the root.
   */
  writeFolder(folder: Folder, cluster: number | null, parent: number): void {
    let at = cluster === null ? this.layout.rootStart * SECTOR : this.offsetOf(cluster);
    const entry = (name: string, attribute: number, first: number, bytes: number): void => {
      this.writeEntry(at, name, attribute, first, bytes);
      at += ENTRY;
    };
    if (cluster !== null) {
      entry('.'.padEnd(11), ATTRIBUTE_FOLDER, cluster, 0);
      entry('..'.padEnd(11), ATTRIBUTE_FOLDER, parent, 0);
    }
    for (const [name, inner] of folder.folders) {
      const first = this.allocate(folderBytes(inner));
      entry(name, ATTRIBUTE_FOLDER, first, 0);
      this.writeFolder(inner, first, cluster ?? 0);
    }
    for (const [name, content] of folder.files) {
      const first = this.allocate(content.length);
      if (first !== 0) this.image.set(content, this.offsetOf(first));
      entry(name, ATTRIBUTE_FILE, first, content.length);
    }
  }

  /**
   * The first of as many clusters as `bytes` need, which follow each other; 0, which is none, for
   * no bytes.
   */
  private allocate(bytes: number): number {
    const count = Math.ceil(bytes / (this.layout.sectorsPerCluster * SECTOR));
    if (count === 0) return 0;
    const first = this.nextCluster;
    this.nextCluster += count;
    for (let cluster = first; cluster < this.nextCluster; cluster++) {
      this.setNext(cluster, cluster + 1 === this.nextCluster ? END_OF_FILE : cluster + 1);
    }
    return first;
  }

  private offsetOf(cluster: number): number {
    const { dataStart, sectorsPerCluster } = this.layout;
    return (dataStart + (cluster - FIRST_CLUSTER) * sectorsPerCluster) * SECTOR;
  }

  private setNext(cluster: number, next: number): void {
    for (let copy = 0; copy < FATS; copy++) {
      const table = (RESERVED_SECTORS + copy * this.layout.fatSectors) * SECTOR;
      this.view.setUint16(table + cluster * 2, next, true);
    }
  }

  private writeEntry(at: number, name: string, attribute: number, first: number, bytes: number): void {
    this.writeText(at, name);
    this.view.setUint8(at + 11, attribute);
    this.view.setUint16(at + 16, FIRST_DAY, true);
    this.view.setUint16(at + 18, FIRST_DAY, true);
    this.view.setUint16(at + 24, FIRST_DAY, true);
    this.view.setUint16(at + 26, first, true);
    this.view.setUint32(at + 28, bytes, true);
  }

  private writeBootRecord(): void {
    const view = this.view;
    const { sectors, sectorsPerCluster, fatSectors } = this.layout;
    // A jump, which readers look for, and the name of what made the volume.
    this.image.set([0xeb, 0x3c, 0x90]);
    this.writeText(3, 'LEVITATE');
    view.setUint16(11, SECTOR, true);
    view.setUint8(13, sectorsPerCluster);
    view.setUint16(14, RESERVED_SECTORS, true);
    view.setUint8(16, FATS);
    view.setUint16(17, ROOT_ENTRIES, true);
    view.setUint16(19, sectors < 0x10000 ? sectors : 0, true);
    view.setUint8(21, FIXED_DISK);
    view.setUint16(22, fatSectors, true);
    // Sectors per track and heads, of a drive that has neither.
    view.setUint16(24, 32, true);
    view.setUint16(26, 64, true);
    view.setUint32(32, sectors < 0x10000 ? 0 : sectors, true);
    view.setUint8(36, 0x80);
    view.setUint8(38, 0x29);
    view.setUint32(39, 0x4c455649, true);
    // No label; there would have to be an entry for it at the root.
    this.writeText(43, 'NO NAME'.padEnd(11));
    this.writeText(54, 'FAT16'.padEnd(8));
    view.setUint16(510, 0xaa55, true);
  }

  private writeText(at: number, text: string): void {
    this.image.set(new TextEncoder().encode(text), at);
  }
}
