import Glibc
import Images
import Syscalls
import Testing

/// What archives hold comes out as their makers put it in.
@Suite struct UnpackTests {
    @Test func everythingOfTar() throws {
        let sandbox = try Sandbox()
        try sandbox.python(
            """
            capability = struct.pack('<IIIII', 0x02000001, 1 << 10, 0, 0, 0)
            tar('all', [
                entry('./', DIR, mode=0o711, mtime=1300000000),
                entry('d', DIR, mode=0o2750, uid=1000, gid=2000, mtime=1400000000),
                entry('d/file', data=b'hello', uid=70000, gid=70001, mode=0o4755),
                entry('d/sticky', DIR, mode=0o1777),
                entry('d/unreadable', DIR, mode=0), entry('d/unreadable/inner', data=b'x', mode=0),
                entry('hard', LINK, linkname='d/file'), entry('soft', SYM, linkname='d/file', uid=5, mtime=1450000000),
                entry('hardsoft', LINK, linkname='soft'), entry('absolute', SYM, linkname='/../../etc/passwd'),
                entry('null', CHR, devmajor=1, devminor=3, mode=0o666, gid=9), entry('loop', BLK, devmajor=7, devminor=300),
                entry('pipe', FIFO, mode=0o620), entry('e\\u0301', data=b'nfd'), entry('\\udcff\\udc80', data=b'not utf-8'),
                entry('n' * 255), entry('/'.join(['p' * 90] * 20), data=b'deep'),
                entry('ping', mode=0o755, uid=1, data=b'ping', pax_headers={
                    'SCHILY.xattr.user.note': 'word', 'SCHILY.xattr.security.capability':
                    capability.decode('utf-8', 'surrogateescape')}),
                entry('old', mtime=-5), entry('exact', mtime=1234567890.25),
                entry('.wh..wh.plnk/1.2', data=b'bookkeeping'), entry('implied/inner/file'),
            ])
            """)
        let layer = try sandbox.layer("all")
        let tree = sandbox.store.tree(layer.diffID)
        let found = try sandbox.python(
            """
            for name in ['', 'd', 'd/sticky', 'd/unreadable', 'd/file', 'hard', 'soft', 'hardsoft', 'absolute', 'null', 'loop',
                         'pipe', 'ping', 'old', 'implied/inner', 'implied']:
                print(describe('\(tree)/' + name, name, {}).strip("'").split(' as ')[0])
            print(os.lstat('\(tree)/d/file').st_nlink, os.lstat('\(tree)/soft').st_nlink, os.lstat('\(tree)/exact').st_mtime)
            print(ascii(sorted(os.listdir(b'\(tree)'))))
            print(read('\(tree)/' + '/'.join(['p' * 90] * 20)), os.getxattr('\(tree)/ping', 'security.capability') == \
            struct.pack('<IIIII', 0x02000001, 1 << 10, 0, 0, 0))
            """)
        let hello = "5 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        let time = "1500000000"
        let expected = [
            " 0o40711 0 0 1300000000", "d 0o42750 1000 2000 1400000000", "d/sticky 0o41777 0 0 \(time)",
            "d/unreadable 0o40000 0 0 \(time)", "d/file 0o104755 70000 70001 \(time) \(hello)",
            "hard 0o104755 70000 70001 \(time) \(hello)", "soft 0o120777 5 0 1450000000 d/file",
            "hardsoft 0o120777 5 0 1450000000 d/file", "absolute 0o120777 0 0 \(time) /../../etc/passwd",
            "null 0o20666 0 9 \(time) 259", "loop 0o60644 0 0 \(time) 1050412", "pipe 0o10620 0 0 \(time)",
        ]
        let lines = found.lines.map(String.init)
        for (line, wanted) in zip(lines, expected) { #expect(line == wanted) }
        #expect(lines[12].hasPrefix("ping 0o100755 1 0"))
        #expect(lines[13].hasPrefix("old 0o100644 0 0 -5"))
        #expect(lines[14] == "implied/inner 0o40755 0 0 0" && lines[15] == "implied 0o40755 0 0 0")
        #expect(lines[16] == "2 2 1234567890.25")
        #expect(
            lines[17].contains("b'e\\xcc\\x81'") && lines[17].contains("b'\\xff\\x80'") && !lines[17].contains(".wh."))
        #expect(lines[18] == "b'deep' True")
    }

    /// The three formats of GNU tar, its sparse files among them; compressed in each way.
    @Test(arguments: ["gnu", "pax", "posix --sparse-version=0.0", "posix --sparse-version=0.1", "ustar", "v7"])
    func whatGNUTarWrites(format: String) throws {
        let sandbox = try Sandbox()
        let source = try sandbox.folder("source")
        try sandbox.python(
            """
            os.chdir('source')
            os.mkdir('d', 0o751), write('d/file', b'text' * 10000), os.link('d/file', 'hard'), os.symlink('d/file', 'soft')
            with open('holes', 'wb') as file:
                file.seek(1 << 20), file.write(b'middle'), file.seek(1 << 20, 1), file.write(b'end'), file.truncate(4 << 20)
            if '\(format)' != 'v7':
                os.mkfifo('pipe')
            if '\(format)' not in ('v7', 'ustar'):
                write('l' * 200, b'long'), os.symlink('t' * 200, 'longlink')
            if '\(format)'.startswith('p'):
                os.setxattr('d/file', 'user.a', b'b\\0c')
            os.chown('d/file', 123, 456), os.chmod('d/file', 0o6711), os.utime('d', (1, 1000000000))
            """)
        let knowsHoles = !["ustar", "v7"].contains(format)
        let options = (knowsHoles ? "--sparse" : "") + (format.hasPrefix("p") ? " --xattrs" : "")
        try shell("tar -C \(source) \(options) --format=\(format) -cf \(sandbox.path)/plain .")
        try shell(
            "cd \(sandbox.path) && gzip -k plain && zstd -q plain && cat plain.gz >two.gz && printf '' | gzip >>two.gz")
        let wanted = try sandbox.listing(source)
        let layer = try sandbox.layer("plain")
        let tree = sandbox.store.tree(layer.diffID)
        #expect(try sandbox.listing(tree) == wanted)
        if knowsHoles {
            #expect(Int(try shell("stat -c %b \(tree)/holes").lines[0]) ?? .max < 1000, "holes are kept")
        }
        for packed in ["plain.gz", "plain.zst", "two.gz"] {
            #expect(try sandbox.layer(packed) == layer, "the layer is the same however it is compressed")
        }
        #expect(sandbox.store.list() == [layer])
    }

    @Test func entriesReplaceEarlierOnes() throws {
        let sandbox = try Sandbox()
        try sandbox.python(
            """
            tar('replaced', [
                entry('a', DIR), entry('a/b/c', data=b'gone'), entry('a', data=b'file'),
                entry('b', data=b'gone'), entry('b', DIR, mode=0o700), entry('b/x', data=b'inner'),
                entry('c', SYM, linkname='/etc'), entry('c', DIR), entry('c/x', data=b'inner'),
                entry('d', DIR, mode=0o700), entry('d/x', data=b'kept'), entry('d', DIR, mode=0o711),
                entry('e', data=b'first'), entry('f', LINK, linkname='e'), entry('e', data=b'second'),
                entry('g/x'), entry('g', DIR, mode=0o750),
            ])
            """)
        let tree = sandbox.store.tree(try sandbox.layer("replaced").diffID)
        let said = try shell("cd \(tree) && find . -type f | sort && cat a e f && stat -c %a b c d g")
        #expect(said == "./a\n./b/x\n./c/x\n./d/x\n./e\n./f\n./g/x\nfilesecondfirst700\n755\n711\n750\n")
    }

    /// Whatever the order, a whiteout is about the layers below and not about its own.
    @Test func whiteoutsAreForTheLayersBelow() throws {
        let sandbox = try Sandbox()
        try sandbox.python(
            """
            tar('out', [
                entry('gone/.wh.x'), entry('kept', data=b'kept'), entry('.wh.kept'), entry('.wh.again'), entry('again', data=b'new'),
                entry('.wh.anew'), entry('anew', DIR), entry('anew/x'), entry('.wh.made'), entry('made/in/x'),
                entry('before', DIR), entry('before/x'), entry('.wh.before'), entry('o/.wh..wh..opq'), entry('o/x'),
                entry('twice/.wh.x'), entry('twice/.wh.x'),
                entry('file', data=b'file'), entry('file/.wh.x'), entry('file/in/.wh.x'),
            ])
            """)
        let tree = sandbox.store.tree(try sandbox.layer("out").diffID)
        let said = try sandbox.python(
            """
            for name in ['gone/x', 'kept', 'again', 'twice/x', 'file']:
                print(name, oct(os.lstat('\(tree)/' + name).st_mode), os.lstat('\(tree)/' + name).st_rdev)
            for name in ['gone', 'anew', 'made', 'made/in', 'before', 'o']:
                print(name, os.listxattr('\(tree)/' + name), *os.listdir('\(tree)/' + name))
            """)
        #expect(
            said == """
                gone/x 0o20000 0
                kept 0o100644 0
                again 0o100644 0
                twice/x 0o20000 0
                file 0o100644 0
                gone [] x
                anew ['trusted.overlay.opaque'] x
                made ['trusted.overlay.opaque'] in
                made/in [] x
                before ['trusted.overlay.opaque'] x
                o ['trusted.overlay.opaque'] x

                """)
    }

    @Test func anEmptyArchiveIsAnEmptyLayer() throws {
        let sandbox = try Sandbox()
        try sandbox.python("write('zeros', bytes(1024)), write('packed', gzip.compress(b'')), write('none', b'')")
        let layer = try sandbox.layer("zeros")
        #expect(layer.entries == 0 && Files.names(in: sandbox.store.tree(layer.diffID)) == [])
        let nothing = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        for name in ["packed", "none"] {
            let state = try sandbox.unpack(LayerSource(path: "\(sandbox.path)/\(name)", diffID: nothing))
            guard case .done(let layer) = state else { throw Failure(text: "\(state)") }
            #expect(layer.diffID == nothing)
        }
    }

    @Test func aFileIsReadAgainOnlyAfterAChange() throws {
        let sandbox = try Sandbox()
        try sandbox.python("tar('root.tar', [entry('a', data=b'one')])")
        let path = sandbox.path + "/root.tar"
        #expect(sandbox.store.diffID(ofArchive: path) == nil)
        let first = try sandbox.layer("root.tar")
        #expect(sandbox.store.diffID(ofArchive: path) == first.diffID)
        guard case .done = try sandbox.store.unpack(LayerSource(path: path), executable: "/nowhere").state else {
            Issue.record("it was read again")
            return
        }
        try sandbox.python("tar('root.tar', [entry('a', data=b'two')])")
        #expect(sandbox.store.diffID(ofArchive: path) == nil)
        let second = try sandbox.layer("root.tar")
        #expect(second.diffID != first.diffID)
        try sandbox.store.remove(second.diffID)
        #expect(sandbox.store.diffID(ofArchive: path) == nil && sandbox.store.list() == [first])
        #expect(!Files.names(in: sandbox.store.folder).contains { $0.hasPrefix(".staging") })
    }

    @Test func limitsHaveUnits() {
        #expect(
            UnpackLimit.bytes("1024") == 1024 && UnpackLimit.bytes("2K") == 2048 && UnpackLimit.bytes("3G") == 3 << 30)
        for wrong in ["", "K", "-1", "0", "1X", "1 G", "99999999999T"] { #expect(UnpackLimit.bytes(wrong) == nil) }
    }
}
