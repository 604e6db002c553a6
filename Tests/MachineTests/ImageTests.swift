import Foundation
import Glibc
import Testing

extension MachineTests {
    /// Containers made from images and tar files, and what they are given: volumes, secrets, configurations.
    @Suite(.serialized) struct ImageTests {
        // MARK: What images are made with

        /// Writes an OCI layout `image` beside the file: busybox in a layer of its own, `files` in a second one.
        private func image(_ stack: Stack, _ config: String = "{}", files: [String: String] = [:]) throws {
            let program = """
                import gzip, hashlib, io, json, os, sys, tarfile
                folder, config, files = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
                os.makedirs(folder + '/blobs/sha256', exist_ok=True)
                def keep(data, kind):
                    name = hashlib.sha256(data).hexdigest()
                    open(folder + '/blobs/sha256/' + name, 'wb').write(data)
                    return {'mediaType': 'application/vnd.oci.image.' + kind, 'digest': 'sha256:' + name, 'size': len(data)}
                def tar(add):
                    buffer = io.BytesIO()
                    with tarfile.open(fileobj=buffer, mode='w', format=tarfile.PAX_FORMAT) as archive: add(archive)
                    return buffer.getvalue()
                def one(name, data=b'', **rest):
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    for key, value in rest.items(): setattr(info, key, value)
                    return info, io.BytesIO(data)
                def programs(archive):
                    archive.addfile(*one('bin', type=tarfile.DIRTYPE, mode=0o755))
                    archive.addfile(*one('bin/busybox', open('/bin/busybox', 'rb').read(), mode=0o755))
                    for name in ('sh', 'cat', 'id', 'ls', 'sleep', 'stat', 'env', 'pwd', 'true', 'touch'):
                        archive.addfile(one('bin/' + name, type=tarfile.SYMTYPE, linkname='busybox')[0])
                def others(archive):
                    for name, text in files.items():
                        archive.addfile(*one(name, text.encode(), mode=0o640, uid=33, gid=44))
                def folders(archive):
                    archive.addfile(*one('data', type=tarfile.DIRTYPE, mode=0o750, uid=33, gid=44))
                    others(archive)
                layers = [tar(programs), tar(folders)]
                configuration = {'architecture': os.uname().machine.replace('x86_64', 'amd64').replace('aarch64', 'arm64'),
                    'os': 'linux', 'config': config, 'rootfs': {'type': 'layers',
                    'diff_ids': ['sha256:' + hashlib.sha256(layer).hexdigest() for layer in layers]}}
                manifest = {'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
                    'config': keep(json.dumps(configuration).encode(), 'config.v1+json'),
                    'layers': [keep(gzip.compress(layer, mtime=0), 'layer.v1.tar+gzip') for layer in layers]}
                entry = keep(json.dumps(manifest).encode(), 'manifest.v1+json')
                entry['annotations'] = {'org.opencontainers.image.ref.name': 'it'}
                open(folder + '/oci-layout', 'w').write('{"imageLayoutVersion": "1.0.0"}')
                open(folder + '/index.json', 'w').write(json.dumps({'schemaVersion': 2, 'manifests': [entry]}))
                """
            let list = try String(decoding: JSONEncoder().encode(files), as: UTF8.self)
            let ended = try Running(
                "/usr/bin/python3", ["-c", program, "\(stack.folder)/image", config, list], stack.environment,
                in: stack.folder
            ).wait(30)
            try #require(ended.status == 0, "\(ended)")
        }

        private let configuration = """
            {"Cmd": ["sleep", "1000"], "Env": ["WHO=image", "PATH=/bin"], "User": "www", "WorkingDir": "/srv/work",
             "Volumes": {"/data": {}}, "StopSignal": "SIGKILL"}
            """
        private let users = ["etc/passwd": "www:x:33:44::/srv:/bin/sh\n", "etc/group": "web:x:44:\nlog:x:55:\n"]

        // MARK: Images

        @Test func theImageSaysWhatTheFileLeavesOpen() throws {
            try withStack(
                """
                services:
                  a: {image: "oci:./image:it", group_add: [log], networks: [n]}
                  b: {image: "oci:./image:it", environment: {WHO: file}, user: "0", networks: [n]}
                networks: {n: {internal: true}}
                """
            ) { stack in
                try image(stack, configuration, files: users.merging(["data/x": "first"]) { $1 })
                try stack.up()
                #expect(try stack.shell("a", "echo $WHO; pwd; id -u; id -G") == "image\n/srv/work\n33\n44 55")
                #expect(try stack.shell("b", "echo $WHO; id -u") == "file\n0")
                // A volume of its own takes content, owner and mode.
                #expect(try stack.shell("a", "cat /data/x; stat -c '%u %g %a' /data") == "first33 44 750")
                #expect(try stack.expect(0, "diff", "--exit-code").out.contains("No differences"))
                let before = try stack.pids()
                try stack.up()
                #expect(try stack.pids() == before)
                // Both stand on the same two layers.
                let layers = try FileManager.default.contentsOfDirectory(atPath: stack.state + "/images/layers")
                    .filter { !$0.hasPrefix(".") && !$0.hasPrefix("note") && !$0.hasPrefix("parents") }
                #expect(layers.count == 2, "\(layers)")
                // It has a name in the file, so it is not `local`.
                func listed() throws -> Bool { try !stack.expect(0, "images", "--all", "--quiet").out.isEmpty }
                try stack.expect(0, "down", "--rmi", "local")
                #expect(try listed())
                let down = try stack.expect(0, "down", "--rmi", "all")
                #expect(try !listed() && down.err.contains("removed"), "\(down)")
            }
        }

        @Test func anotherImageReplacesOnlyWhoUsesIt() throws {
            try withStack(
                """
                services:
                  a: {image: "oci:./image:it", network_mode: none}
                  b: {rootfs: host, command: [sleep, infinity], network_mode: none}
                """
            ) { stack in
                try image(stack, configuration, files: users)
                try stack.up()
                let before = try stack.pids()
                try image(stack, configuration, files: users.merging(["new": "new"]) { $1 })
                try stack.up()
                let after = try stack.pids()
                #expect(before[stack.name("b")] == after[stack.name("b")])
                #expect(before[stack.name("a")] != after[stack.name("a")])
                #expect(try stack.shell("a", "cat /new") == "new")
            }
        }

        @Test func aTarFileIsARoot() throws {
            try withStack(
                """
                services:
                  a: {rootfs: ./root.tar, command: [/bin/busybox, sleep, "1000"], network_mode: none}
                """
            ) { stack in
                let made = try Running(
                    "/usr/bin/tar", ["-cf", "root.tar", "-C", "/", "bin/busybox"], stack.environment, in: stack.folder
                ).wait(30)
                try #require(made.status == 0)
                try stack.up()
                #expect(try stack.expect(0, "exec", "-T", "a", "/bin/busybox", "ls", "/bin").out == "busybox\n")
            }
        }

        @Test func whatCannotBeHadIsToldAtOnceAndNothingIsTouched() throws {
            try withStack(
                """
                services:
                  a: {rootfs: host, command: [sleep, infinity], network_mode: none}
                """
            ) { stack in
                try stack.up()
                let before = try stack.pids()
                try stack.write(
                    """
                    services:
                      a: {rootfs: host, command: [sleep, "1"], network_mode: none}
                      b: {image: "nothing/here:1", pull_policy: never}
                      c: {rootfs: ./none.tar, command: x}
                    """)
                let ended = try stack.expect(3, "up", "-d")
                #expect(
                    ended.err.contains("compose.yaml:4:14: error: services.b.image: the image nothing/here:1 is not"))
                #expect(ended.err.contains("compose.yaml:5:15: error: services.c.rootfs: there is no file"))
                #expect(try stack.pids() == before)
            }
        }

        // MARK: Volumes, secrets, configurations

        @Test func aVolumeKeepsWhatItHas() throws {
            try withStack(
                """
                services:
                  a: {image: "oci:./image:it", network_mode: none, volumes: ["data:/data"]}
                  b: {image: "oci:./image:it", network_mode: none, depends_on: [a], volumes: ["bare:/data:nocopy"]}
                volumes: {data: , bare: }
                """
            ) { stack in
                try image(stack, configuration, files: users.merging(["data/x": "first"]) { $1 })
                try stack.up()
                #expect(try stack.shell("b", "ls /data") == "")
                try stack.shell("a", "echo mine > /data/y")
                try stack.expect(0, "down", "-t", "0")
                try image(stack, configuration, files: users.merging(["data/x": "second"]) { $1 })
                try stack.up()
                #expect(try stack.shell("a", "cat /data/x; cat /data/y") == "firstmine")
            }
        }

        private let granted = """
            services:
              a:
                rootfs: host
                command: [sleep, infinity]
                stop_grace_period: 0s
                network_mode: none
                secrets: [{source: token, target: key, uid: "33", gid: "44", mode: 0440}, from_variable]
                configs: [{source: motd, target: /etc/motd-of-the-stack}]
              b: {rootfs: host, command: [sleep, infinity], network_mode: none, secrets: [token], stop_grace_period: 0s}
            secrets: {token: {file: ./token}, from_variable: {environment: TOKEN}}
            configs: {motd: {content: "hello ${WHO}"}}
            """

        @Test func secretsAreFilesInMemory() throws {
            try withStack(granted) { stack in
                try stack.file("token", "s3cr3t-of-the-file")
                try stack.file(".env", "TOKEN=s3cr3t-of-the-variable\nWHO=you\n")
                try stack.up()
                let look = "stat -c '%u %g %a' /run/secrets/key; cat /run/secrets/key"
                #expect(try stack.shell("a", look) == "33 44 440\ns3cr3t-of-the-file")
                #expect(try stack.shell("a", "cat /run/secrets/from_variable") == "s3cr3t-of-the-variable")
                #expect(try stack.shell("a", "cat /etc/motd-of-the-stack") == "hello you")
                #expect(try stack.shell("b", "stat -c '%u %g %a' /run/secrets/token") == "0 0 444")
                // Nothing of it is on the disk, or told.
                let found = try Running(
                    "/usr/bin/grep", ["-r", "-l", "s3cr3t", stack.state], stack.environment, in: stack.folder
                ).wait(30)
                #expect(found.out == "", "\(found)")
                #expect(try !stack.expect(0, "config").out.contains("s3cr3t"))
            }
        }

        @Test func aNewerSecretReachesTheContainerInPlace() throws {
            try withStack(granted) { stack in
                try stack.file("token", "first, and longer")
                try stack.file(".env", "TOKEN=x\nWHO=you\n")
                try stack.up()
                let before = try stack.pids()
                try stack.file("token", "second")
                try stack.edit("mode: 0440", "mode: 0400")
                let fields = try stack.diff().map { "\($0.resource) \($0.action) \($0.fields.map(\.path))" }
                #expect(
                    fields == [
                        #"container/a/1 update ["secrets[0].content", "secrets[0].mode"]"#,
                        #"container/b/1 update ["secrets[0].content"]"#,
                    ])
                try stack.up()
                #expect(try stack.pids() == before)
                #expect(try stack.shell("a", "cat /run/secrets/key; stat -c %a /run/secrets/key") == "second400")
                #expect(try stack.shell("b", "cat /run/secrets/token") == "second")
                #expect(try stack.diff().isEmpty)
            }
        }

        @Test func aFailedChangeBringsTheOldSecretBack() throws {
            try withStack(granted) { stack in
                try stack.file("token", "first")
                try stack.file(".env", "TOKEN=x\nWHO=you\n")
                try stack.up()
                try stack.file("token", "second")
                try stack.edit("b: {rootfs: host, command: [sleep, infinity]", "b: {rootfs: host, command: [/none]")
                try stack.expect(3, "up", "-d")
                #expect(try stack.shell("a", "cat /run/secrets/key") == "first")
                #expect(try stack.shell("b", "cat /run/secrets/token") == "first")
            }
        }

        @Test func lostAndEditedFilesAreDrift() throws {
            try withStack(granted) { stack in
                try stack.file("token", "first")
                try stack.file(".env", "TOKEN=x\nWHO=you\n")
                try stack.up()
                let before = try stack.pids()
                let folder = "\(stack.runtime)/\(stack.project)/files/a.1.1"
                try Data("forged".utf8).write(to: URL(fileURLWithPath: folder + "/%2Frun%2Fsecrets%2Fkey"))
                let drift = try stack.diff()
                #expect(drift.map(\.resource) == ["container/a/1"])
                #expect(drift.map(\.drift) == [true])
                try stack.up()
                #expect(try stack.shell("a", "cat /run/secrets/key") == "first")
                #expect(try stack.pids() == before)
            }
        }
    }
}

extension Stack {
    fileprivate func name(_ service: String) -> String { "\(project)-\(service)-1" }
}
