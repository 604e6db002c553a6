"""What the programs of the tests begin with: writers of archives, good and bad, and a reader of trees."""

import gzip, hashlib, io, json, os, stat, struct, subprocess, sys, tarfile
FILE, DIR, SYM, LINK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
CHR, BLK, FIFO = tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE

def entry(name, kind=FILE, data=b'', **fields):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = fields.pop('mode', 0o755 if kind == DIR else 0o644)
    info.mtime = fields.pop('mtime', 1500000000)
    for key, value in fields.items():
        setattr(info, key, value)
    info.size = len(data)
    return info, data

def tar(name, entries, format=tarfile.PAX_FORMAT):
    with tarfile.open(name, 'w', format=format) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return name

def header(name, size=b'00000000000\0', kind=b'0', uid=b'0000000\0', link=b''):
    block = bytearray(512)
    for at, value in ((0, name), (100, b'0000644\0'), (108, uid), (116, b'0000000\0'), (124, size),
                      (136, b'00000000000\0'), (156, kind), (157, link), (257, b'ustar\0' + b'00')):
        block[at:at + len(value)] = value
    block[148:156] = b' ' * 8
    block[148:156] = b'%06o\0 ' % sum(block)
    return bytes(block)

def write(name, data):
    with open(name, 'wb') as file:
        file.write(data)

def read(name):
    with open(name, 'rb') as file:
        return file.read()

def digest(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()

def describe(path, relative, links):
    status = os.lstat(path)
    kind = stat.S_IFMT(status.st_mode)
    words = [relative, oct(status.st_mode), str(status.st_uid), str(status.st_gid), str(int(status.st_mtime))]
    if kind == stat.S_IFREG:
        words += [str(status.st_size), hashlib.sha256(read(path)).hexdigest()]
    if kind == stat.S_IFLNK:
        words.append(os.readlink(path))
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        words.append(str(status.st_rdev))
    if kind != stat.S_IFDIR:
        words.append('as ' + links.setdefault((status.st_dev, status.st_ino), relative))
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        if not name.startswith('trusted.overlay.'):
            words.append(name + '=' + os.getxattr(path, name, follow_symlinks=False).hex())
    return ascii(' '.join(words))

def list_tree(root, out=sys.stdout):
    links = {}
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            print(describe(path, os.path.relpath(path, root), links), file=out)


