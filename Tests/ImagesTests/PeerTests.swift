import Glibc
import Images
import Syscalls
import Testing

/// The same image, unpacked by umoci and mounted by podman: entry by entry the same.
@Suite struct PeerTests {
    @Test func theTreeIsUmocisAndPodmans() throws {
        let sandbox = try Sandbox()
        try sandbox.python(
            """
            subprocess.run(['umoci', 'init', '--layout', 'image'], check=True)
            subprocess.run(['umoci', 'new', '--image', 'image:it'], check=True)
            capability = struct.pack('<IIIII', 0x02000001, 1 << 10, 0, 0, 0).decode('utf-8', 'surrogateescape')
            def add(entries, **options):
                tar('layer', entries, **options)
                subprocess.run(['umoci', 'raw', 'add-layer', '--image', 'image:it', 'layer'], check=True)
            add([entry('./', DIR), entry('etc', DIR), entry('etc/a', data=b'one'), entry('etc/b', data=b'two', uid=3),
                 entry('tmp', DIR, mode=0o1777), entry('opt', DIR), entry('opt/x', DIR), entry('opt/x/y', data=b'hidden'),
                 entry('bin', DIR), entry('bin/ping', data=b'ping', mode=0o4755, pax_headers={
                     'SCHILY.xattr.security.capability': capability, 'SCHILY.xattr.user.k': 'v'}),
                 entry('bin/p', LINK, linkname='bin/ping'), entry('null', CHR, devmajor=1, devminor=3),
                 entry('pipe', FIFO), entry('lib', SYM, linkname='usr/lib'), entry('usr', DIR), entry('usr/lib', DIR, gid=5),
                 entry('usr/lib/e\\u0301' + 'long' * 40, data=b'x')])
            add([entry('etc', DIR, mode=0o711, mtime=1600000000), entry('etc/.wh.a'), entry('etc/c', data=b'three'),
                 entry('opt', DIR), entry('opt/.wh..wh..opq'), entry('opt/z', data=b'seen'), entry('.wh.pipe'),
                 entry('usr', DIR), entry('usr/lib', DIR, gid=6), entry('usr/lib/more', data=b'more', mode=0o2755)],
                format=tarfile.GNU_FORMAT)
            add([entry('etc', DIR), entry('etc/b', DIR), entry('etc/b/in', data=b'file became folder'),
                 entry('null', data=b'device became file'), entry('bin', SYM, linkname='usr/bin'),
                 entry('usr', DIR), entry('usr/bin', DIR), entry('usr/bin/sh', data=b'sh')])
            """)
        try sandbox.withWriters("peers('oci:image:it', 'it')")
        let words = try sandbox.python(
            """
            def blob(name):
                return 'image/blobs/' + name.replace(':', '/')
            index = json.load(open('image/index.json'))
            manifest = json.load(open(blob(index['manifests'][0]['digest'])))
            config = json.load(open(blob(manifest['config']['digest'])))
            for layer, diff in zip(manifest['layers'], config['rootfs']['diff_ids']):
                print(blob(layer['digest']), layer['mediaType'], layer['digest'], layer['size'], diff)
            """
        ).lines.map { $0.words.map(String.init) }
        #expect(words.count == 3)
        let jobs = try words.map { words in
            try sandbox.store.unpack(
                LayerSource(
                    path: "\(sandbox.path)/\(words[0])", mediaType: words[1], digest: words[2], size: Int64(words[3]),
                    diffID: words[4]), executable: settle)
        }
        for job in jobs {
            guard case .done = job.wait() else { throw Failure(text: "\(job.state)") }
        }
        let ours = try sandbox.merged(words.map { $0[4] })
        #expect(ours.count == 16)
        #expect(try ours == sandbox.lines("it-umoci"))
        #expect(try ours == sandbox.lines("it-podman"))
    }
}
