import Glibc
import Images
import Syscalls
import Testing

/// Archives that want out, or too much, or are not what they are said to be.
@Suite struct HostileTests {
    /// Name of the archive, and what is said of it.
    static let refused: [(name: String, words: String)] = [
        ("up", "entry '../x': its name leads upwards"),
        ("up-inside", "entry 'a/../../x': its name leads upwards"),
        ("up-alone", "entry '../': its name leads upwards"),
        ("absolute", "entry '/etc/x': its name is absolute"),
        ("link-up", "entry 'a': it is a symbolic link to '../../etc', which leads out of the root"),
        ("link-up-deep", "entry 'a/b': it is a symbolic link to 'c/../../../x', which leads out"),
        ("link-empty", "entry 'a': it is a symbolic link to nothing"),
        ("through-absolute-link", "entry 'a/x': it lies behind 'a', which is a symbolic link"),
        ("through-link", "entry 'a/x': it lies behind 'a', which is a symbolic link"),
        ("through-link-folder", "entry 'a/x/y/': it lies behind 'a', which is a symbolic link"),
        ("through-link-special", "entry 'a/x': it lies behind 'a', which is a symbolic link"),
        ("through-file", "entry 'a/x': it lies behind 'a', which is no folder"),
        ("hard-up", "entry 'h': it is a hard link to '../x', which is outside"),
        ("hard-absolute", "entry 'h': it is a hard link to '/etc/passwd', which is outside"),
        ("hard-through-link", "entry 'h': it lies behind 's', which is a symbolic link"),
        ("hard-missing", "entry 'h': it is a hard link to 'x', which the archive does not have"),
        ("hard-missing-folder", "entry 'h': it refers to 'd', which the archive does not have"),
        ("hard-to-folder", "entry 'h': it is a hard link to 'd', which is a folder"),
        ("hard-to-whiteout", "entry 'h': it is a hard link to 'x', which the archive does not have"),
        ("hard-to-itself", "entry 'h': it is a hard link to itself"),
        ("whiteout-of-nothing", "entry '.wh.': it is a whiteout of ''"),
        ("whiteout-of-dot", "entry 'a/.wh..': it is a whiteout of '.'"),
        ("whiteout-of-parent", "entry '.wh...': it is a whiteout of '..'"),
        ("whiteout-through-link", "entry 's/.wh.passwd': it lies behind 's'"),
        ("opaque-through-link", "entry 's/.wh..wh..opq': it lies behind 's'"),
        ("below-whiteout", "entry '.wh.a/b': it lies below a whiteout"),
        ("root-as-file", "entry '.': it would replace the root"),
        ("root-as-link", "entry './': it would replace the root"),
        ("long-name", "its name is longer than the file system takes"),
        ("long-path", "its name is longer than the file system takes"),
        ("overlay-attribute", "'trusted.overlay.redirect', which is for the overlay file system"),
        ("overlay-attribute-folder", "'user.overlay.opaque', which is for the overlay file system"),
        ("owner", "entry 'a': its owner's number is beyond 32 bits"),
        ("negative-size", "its tar headers are damaged: tar entry has negative size"),
        ("huge", "entry 'a': it unpacks to more than"),
        ("huge-sparse", "it unpacks to more than"),
        ("sparse-beyond", "its content does not fit its size"),
        ("checksum", "its tar headers are damaged"),
        ("pax", "its tar headers are damaged"),
        ("truncated", "its tar headers are damaged: truncated tar archive"),
        ("truncated-header", "its tar headers are damaged: truncated tar archive"),
        ("no-tar", "it is no tar archive"),
        ("empty", "it is empty"),
        ("truncated.gz", "it is cut off: its gzip stream does not end"),
        ("damaged.gz", "its gzip stream is damaged: incorrect data check"),
        ("trailing.gz", "something that is not gzip follows its gzip stream"),
        ("twice.gz", "it is no tar archive"),
        ("truncated.zst", "it is cut off: its zstd stream does not end"),
        ("damaged.zst", "its zstd stream is damaged"),
    ]

    static let generator = """
        text = entry('text', data=b'some text ' * 5000)
        tar('up', [entry('../x')])
        tar('up-inside', [entry('a', DIR), entry('a/../../x')])
        tar('up-alone', [entry('..', DIR)])
        tar('absolute', [entry('/etc/x')])
        tar('link-up', [entry('a', SYM, linkname='../../etc')])
        tar('link-up-deep', [entry('a/b', SYM, linkname='c/../../../x')])
        write('link-empty', header(b'a', kind=b'2') + bytes(1024))
        tar('through-absolute-link', [entry('a', SYM, linkname='/outside'), entry('a/x')])
        tar('through-link', [entry('b', DIR), entry('a', SYM, linkname='b'), entry('a/x')])
        tar('through-link-folder', [entry('b', DIR), entry('a', SYM, linkname='b'), entry('a/x/y', DIR)])
        tar('through-link-special', [entry('a', SYM, linkname='/'), entry('a/x', FIFO)])
        tar('through-file', [entry('a'), entry('a/x')])
        tar('hard-up', [entry('h', LINK, linkname='../x')])
        tar('hard-absolute', [entry('h', LINK, linkname='/etc/passwd')])
        tar('hard-through-link', [entry('s', SYM, linkname='/etc'), entry('h', LINK, linkname='s/passwd')])
        tar('hard-missing', [entry('h', LINK, linkname='x')])
        tar('hard-missing-folder', [entry('h', LINK, linkname='d/x')])
        tar('hard-to-folder', [entry('d', DIR), entry('h', LINK, linkname='d')])
        tar('hard-to-whiteout', [entry('.wh.x'), entry('h', LINK, linkname='x')])
        tar('hard-to-itself', [entry('h'), entry('h', LINK, linkname='./h')])
        tar('whiteout-of-nothing', [entry('.wh.')])
        tar('whiteout-of-dot', [entry('a/.wh..')])
        tar('whiteout-of-parent', [entry('.wh...')])
        tar('whiteout-through-link', [entry('s', SYM, linkname='/etc'), entry('s/.wh.passwd')])
        tar('opaque-through-link', [entry('s', SYM, linkname='/etc'), entry('s/.wh..wh..opq')])
        tar('below-whiteout', [entry('.wh.a/b')])
        tar('root-as-file', [entry('.')])
        tar('root-as-link', [entry('./', SYM, linkname='/')])
        tar('long-name', [entry('n' * 256)])
        tar('long-path', [entry('/'.join(['n' * 100] * 41))])
        tar('overlay-attribute', [entry('a', pax_headers={'SCHILY.xattr.trusted.overlay.redirect': '/etc'})])
        tar('overlay-attribute-folder', [entry('a', DIR, pax_headers={'SCHILY.xattr.user.overlay.opaque': 'y'})])
        tar('owner', [entry('a', uid=1 << 33)])
        write('negative-size', header(b'a', size=b'\\xff' * 11 + b'\\xf0') + bytes(1024))
        write('huge', header(b'a', size=b'77777777777\\0') + bytes(1024))
        sparse = {'GNU.sparse.name': 'a',
                  'GNU.sparse.size': str(1 << 60), 'GNU.sparse.map': '0,512', 'GNU.sparse.numblocks': '1'}
        tar('huge-sparse', [entry('a', data=bytes(512), pax_headers=sparse)])
        sparse = dict(sparse, **{'GNU.sparse.size': '100', 'GNU.sparse.map': '4096,512'})
        tar('sparse-beyond', [entry('a', data=bytes(512), pax_headers=sparse)])
        good = read(tar('good', [entry('d', DIR), text]))
        write('checksum', good[:512] + b'x' + good[513:])
        write('pax', header(b'x', size=b'00000000010\\0', kind=b'x') + b'99 a=b\\n'.ljust(512, b'\\0') + header(b'a') + bytes(1024))
        write('truncated', good[:3000])
        write('truncated-header', good[:700])
        write('no-tar', b'#!/bin/sh\\n' * 200)
        write('empty', b'')
        packed = gzip.compress(good)
        write('truncated.gz', packed[:len(packed) - 100])
        write('damaged.gz', packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:])
        write('trailing.gz', packed + b'more')
        write('twice.gz', gzip.compress(packed))
        subprocess.run(['zstd', '-q', '-f', '--check', 'good', '-o', 'good.zst'], check=True)
        packed = read('good.zst')
        write('truncated.zst', packed[:-20])
        write('damaged.zst', packed[:30] + bytes([packed[30] ^ 0x55]) + packed[31:])
        """

    @Test func eachIsRefusedAndLeavesNothing() throws {
        let sandbox = try Sandbox()
        let outside = try sandbox.folder("outside")
        try sandbox.python(Self.generator)
        let before = try shell("find \(outside) /etc/passwd -printf '%p %i %T@ %C@ %m %u %s\\n'")
        for (name, words) in Self.refused {
            let state = try sandbox.unpack(LayerSource(path: "\(sandbox.path)/\(name)"))
            guard case .failed(let error) = state else {
                Issue.record("\(name) was unpacked: \(state)")
                continue
            }
            #expect("\(error)".contains(words), "\(name): \(error)")
            #expect("\(error)".hasPrefix("\(sandbox.path)/\(name): "))
            #expect(Files.names(in: sandbox.store.folder) == [], "\(name) left something")
        }
        #expect(try shell("find \(outside) /etc/passwd -printf '%p %i %T@ %C@ %m %u %s\\n'") == before)
        #expect(sandbox.store.list().isEmpty)
    }

    @Test func whatIsNotWhatItsManifestSays() throws {
        let sandbox = try Sandbox()
        let words = try sandbox.python(
            """
            good = read(tar('good', [entry('a', data=b'text')]))
            write('good.gz', gzip.compress(good))
            print(digest(read('good.gz')), len(read('good.gz')), digest(good))
            """
        ).lines[0].words.map(String.init)
        let source = LayerSource(
            path: sandbox.path + "/good.gz", mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: words[0],
            size: Int64(words[1]), diffID: words[2])
        func refused(_ part: String, _ change: (inout LayerSource) -> Void) throws {
            var source = source
            change(&source)
            guard case .failed(let error) = try sandbox.unpack(source) else {
                Issue.record("unpacked, with \(part)")
                return
            }
            #expect("\(error)".contains(part))
            #expect(Files.names(in: sandbox.store.folder) == [])
        }
        let other = "sha256:" + String(repeating: "0", count: 64)
        try refused("its digest is \(words[0]), its manifest says \(other)") { $0.digest = other }
        try refused("it has \(words[1]) bytes, its manifest says 7") { $0.size = 7 }
        try refused("its digest is \(words[2]), the image's configuration says \(other)") { $0.diffID = other }
        try refused("which is no sha256 digest") { $0.diffID = "sha256:../../../x" }
        try refused("'application/zip' is no media type of a layer") { $0.mediaType = "application/zip" }
        guard case .done(let layer) = try sandbox.unpack(source) else {
            Issue.record("the good one was refused")
            return
        }
        #expect(layer.diffID == words[2])
    }

    @Test func aBombMeetsTheLimit() throws {
        let sandbox = try Sandbox()
        try sandbox.python(
            """
            write('zeros.gz', gzip.compress(read(tar('zeros', [entry('a', data=bytes(64 << 20))]))))
            tar('many', [entry('f%d' % i) for i in range(3000)])
            """)
        for (name, limit) in [("zeros.gz", 32 << 20), ("many", 8 << 20)] as [(String, Int64)] {
            guard
                case .failed(let error) = try sandbox.unpack(LayerSource(path: "\(sandbox.path)/\(name)"), limit: limit)
            else {
                Issue.record("\(name) was unpacked")
                continue
            }
            #expect("\(error)".contains("it unpacks to more than \(limit) bytes (SETTLE_UNPACK_LIMIT)"))
            #expect(error.hint?.contains("SETTLE_UNPACK_LIMIT") == true)
            #expect(Files.names(in: sandbox.store.folder) == [])
        }
        #expect(try sandbox.layer("zeros.gz").bytes > 64 << 20)
    }

    @Test func noSpaceIsNamed() throws {
        let sandbox = try Sandbox()
        let small = try sandbox.folder("state")
        try shell("mount -t tmpfs -o size=2M none \(small)")
        try sandbox.python("tar('large', [entry('a', data=bytes(range(256)) * (4 << 12))])")
        guard case .failed(let error) = try sandbox.unpack(LayerSource(path: sandbox.path + "/large")) else {
            Issue.record("four megabytes in two")
            return
        }
        #expect("\(error)".contains("entry 'a'") && "\(error)".contains("no space left on device"))
        #expect(error.hint?.contains("settle image prune") == true)
        #expect(Files.names(in: sandbox.store.folder) == [])
    }

    /// What root would do, and others cannot.
    @Test func withoutRootDevicesAreRefused() throws {
        let sandbox = try Sandbox()
        try sandbox.python(
            """
            tar('device', [entry('null', CHR, devmajor=1, devminor=3)])
            tar('plain', [entry('a', uid=7, mode=0o600), entry('d', DIR), entry('d/.wh.x'), entry('o/.wh..wh..opq')])
            """)
        let said = try sandbox.python(
            """
            import shutil, socket
            shutil.copy('\(settle)', 'settle')
            os.mkdir('mine', 0o700)
            os.chown('mine', 65534, 65534)
            for name in 'device', 'plain':
                ours, its = socket.socketpair()
                request = {'store': os.path.abspath('mine'), 'source': {'path': name}}
                def enter():
                    os.dup2(os.open('\(sandbox.path)/' + name, os.O_RDONLY), 23), os.dup2(its.fileno(), 24)
                    os.dup2(23, 3), os.dup2(24, 4)
                    os.setgroups([]), os.setgid(65534), os.setuid(65534)
                subprocess.run(['settle', '\(UnpackRole.name)', json.dumps(request)], executable='./settle',
                               preexec_fn=enter, close_fds=False)
                its.close()
                print(ours.makefile().read().strip().splitlines()[-1])
            layer = [name for name in os.listdir('mine') if len(name) == 16]
            tree = 'mine/' + layer[0] + '/tree/'
            print(os.lstat(tree + 'a').st_uid, os.lstat(tree + 'd/x').st_rdev, os.getxattr(tree + 'o', 'user.overlay.opaque'))
            """
        ).lines
        #expect(said.count == 3)
        #expect(said[0].contains("it is a device node, which only root can make"))
        #expect(said[1].contains("\"entries\":4"))
        #expect(said[2] == "65534 0 b'y'")
    }
}
