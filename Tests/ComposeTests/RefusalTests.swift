import Compose
import Diagnostics
import Testing

@Suite struct RefusalTests {
    /// One key of the service `w`: the column, the key path below the service, the message, and the hint or nothing.
    @Test(arguments: keys)
    func ofAKey(_ row: Key) {
        let line = row.keys.contains("\n") ? 5 : 4
        var text = "f:\(line):\(row.column): error: services.w.\(row.path): \(row.message)"
        if let hint = row.hint { text += "\n  hint: \(hint)" }
        #expect(problems(serviceFile(row.keys)) == [text])
    }

    /// Whole files: the first line of each problem.
    @Test(arguments: files)
    func ofAFile(_ file: File) {
        let lines = problems(file.text).map { $0.split(separator: "\n").first.map { String($0) } ?? "" }
        #expect(lines == file.messages)
    }

    @Test func allAtOnce() {
        let text = serviceFile("cpus: two\ncomand: x\ninit: 3\nvolumes: ['vo:/a']\ndepends_on: [nobody]")
        #expect(problems(text).count == 5)
    }

    /// No text crashes the loader, whatever it holds.
    @Test func damagedFiles() {
        let text = serviceFile(
            "ports: ['[::1]:8-9:80/udp', 80]\nvolumes: ['~/a:/b:ro']\ncpus: 1.5\nlabels: {a: ${B:-c}}\ndepends_on: {w: }"
        )
        let bytes = Array(text.utf8)
        for index in bytes.indices {
            for byte in "\n:-[]{}$'/~x0".utf8 {
                var damaged = bytes
                damaged[index] = byte
                let (project, diagnostics) = load(String(decoding: damaged, as: UTF8.self))
                #expect(project != nil || diagnostics.contains { $0.severity == .error })
            }
        }
    }

    struct Key: Sendable, CustomTestStringConvertible {
        let keys: String, column: Int, path: String, message: String, hint: String?
        var testDescription: String { keys }

        init(_ keys: String, _ column: Int, _ path: String, _ message: String, _ hint: String?) {
            self.keys = keys
            self.column = column
            self.path = path
            self.message = message
            self.hint = hint
        }
    }

    struct File: Sendable, CustomTestStringConvertible {
        let text: String, messages: [String]
        var testDescription: String { text }

        init(_ text: String, _ messages: [String]) {
            self.text = text
            self.messages = messages
        }
    }

    private static let keys: [Key] = [
        Key("comand: x", 5, "comand", "unknown key", "did you mean command?"),
        Key("zzzzzz: x", 5, "zzzzzz", "unknown key", "keys of your own begin with x-"),
        Key("image: Nginx", 12, "image", "\"Nginx\" is no image: a name has no upper case letters", "write nginx"),
        Key(
            "healthcheck: {test: [CMD]}", 25, "healthcheck.test", "expected a program after CMD, found a list",
            "write [CMD, program, argument]"),
        Key(
            "healthcheck: {test: x, interval: 1us}", 38, "healthcheck.interval",
            "expected a time of at least 1ms, found \"1µs\"", nil),
        Key(
            "healthcheck: {http: {port: 80, status: 2xx}}", 44, "healthcheck.http.status",
            "expected statuses from 100 to 599, found \"2xx\"", "write 200, 200-299 or \"200,301-302\""),
        Key("user: 1000", 11, "user", "expected a text, found the number 1000", "put it in quotes: \"1000\""),
        Key("user: ['a']", 11, "user", "expected a text, found a list", "write the value alone: a"),
        Key(
            "user: a:b:c", 11, "user", "expected a user, found \"a:b:c\"", "write NAME, UID, NAME:GROUP or \"UID:GID\""),
        Key(
            "hostname: a_b", 15, "hostname", "expected a host name, found \"a_b\"",
            "1 to 64 letters, digits, dots and hyphens"),
        Key("init: yea", 11, "init", "expected true or false, found \"yea\"", "write true or false"),
        Key(
            "environment:", 5, "environment", "expected a mapping or a list, found nothing",
            "remove the key, or give it a value"),
        Key(
            "environment: [a, [b]]", 22, "environment[1]", "expected a text, found a list", "write the value alone: b"),
        Key(
            "entrypoint: 'a \"b'", 17, "entrypoint", "\" is not closed",
            "close it, put a backslash before it, or write a list of words"),
        Key("command: [sleep, 5]", 22, "command[1]", "expected a text, found the number 5", "put it in quotes: \"5\""),
        Key(
            "working_dir: a", 18, "working_dir", "expected an absolute path in the container, found \"a\"",
            "begin it with a slash"),
        Key("cpus: two", 11, "cpus", "expected a number, found \"two\"", "write a number"),
        Key("cpus: 0.001", 11, "cpus", "expected at least 0.01 processors, found the number 0.001", nil),
        Key("cpuset: 3-1", 13, "cpuset", "expected a list of processors, found \"3-1\"", "write \"0-2,5\""),
        Key(
            "cpu_shares: 1", 17, "cpu_shares", "expected a weight from 2 to 262144 (1024 is usual), found the number 1",
            nil),
        Key("mem_limit: lots", 16, "mem_limit", "expected a size, found \"lots\"", "write 512k, 64m, 1.5g or bytes"),
        Key(
            "memswap_limit: 1m", 20, "memswap_limit", "needs mem_limit beside it",
            "memswap_limit counts memory and swap together; add mem_limit:"),
        Key(
            "pids_limit: -2", 17, "pids_limit",
            "expected a number of processes from 1 to 4194304, or -1 for no limit, found the number -2", nil),
        Key(
            "stop_grace_period: 10x", 24, "stop_grace_period", "expected a time, found \"10x\"",
            "write 10s, 1m30s or 500ms"),
        Key("stop_signal: SIGTREM", 18, "stop_signal", "expected a signal, found \"SIGTREM\"", "did you mean SIGTERM?"),
        Key(
            "cap_add: [NET_ADMN]", 15, "cap_add[0]", "expected a capability, found \"NET_ADMN\"",
            "did you mean NET_ADMIN?"),
        Key(
            "external_links: [a, a]", 25, "external_links[1]",
            "\"a\" is listed twice\n  note: f:4:22: it stands here first", "remove one of the two"),
        Key(
            "restart: allways", 14, "restart",
            "expected no, always, on-failure, on-failure:N or unless-stopped, found \"allways\"", "did you mean always?"
        ),
        Key(
            "ports: [70000]", 13, "ports[0]", "\"70000\" is no port, in \"70000\"",
            "write \"8080:80\", \"127.0.0.1:8080:80/udp\", \"[::1]:8080:80\" or \"8000-8010:80\"; ports are 1 to 65535"),
        Key(
            "ports: ['1-2:3-5']", 13, "ports[0]", "2 published ports for 3 of the container, in \"1-2:3-5\"",
            "make both ranges equally long, or publish a range for one port"),
        Key("ports: [80/sctp]", 13, "ports[0].protocol", "expected tcp or udp, found \"sctp\"", "did you mean tcp?"),
        Key(
            "ports: ['300.0.0.1:80:80']", 13, "ports[0]", "\"300.0.0.1\" is no IP address of the host",
            "write 127.0.0.1 or [::1]"),
        Key(
            "ports: [{published: 80}]", 13, "ports[0]", "the target is missing", "add target: and the container's port"),
        Key(
            "volumes: ['vo:/b:ro:d']", 15, "volumes[0]", "\"vo:/b:ro:d\" is no mount",
            "write \"./folder:/target\", \"volume:/target:ro\" or the long form"),
        Key(
            "volumes: [{type: bind, source: /a, target: /b, bind: {propagation: rslaves}}]", 72,
            "volumes[0].bind.propagation",
            "expected private, rprivate, slave, rslave, shared or rshared, found \"rslaves\"", "did you mean rslave?"),
        Key(
            "volumes: [{type: volume, target: /b, volume: {subpath: ../up}}]", 60, "volumes[0].volume.subpath",
            "expected a path within the volume, found \"../up\"",
            "write it without a slash at the beginning, and without .."),
        Key(
            "volumes_from: ['container:old']", 20, "volumes_from[0]",
            "Settle knows no containers but those of services",
            "name a service of this file, or share a volume with the other project by external: true"),
        Key(
            "volumes: ['vo:/b']", 15, "volumes[0]", "there is no volume vo",
            "add vo: under the top-level volumes:, or write ./vo for a folder"),
        Key(
            "volumes: [{type: bind, target: /a}]", 15, "volumes[0]", "the source is missing",
            "add source: and a path on the host"),
        Key(
            "volumes: [{type: tmpfs, target: /a, bind: {}}]", 47, "volumes[0].bind",
            "does not belong to a mount of type tmpfs", nil),
        Key(
            "tmpfs: [/ab]\nvolumes: [/ab]", 15, "volumes[0]", "two mounts on /ab\n  note: f:4:13: the other",
            "remove one of the two"),
        Key(
            "tmpfs: '/a:size=big'", 12, "tmpfs[0]", "\"size=big\" cannot be read",
            "write size=64m,mode=1777,uid=1000,gid=1000"),
        Key(
            "network_mode: bridge", 19, "network_mode",
            "\"bridge\" cannot be honoured: there is no network that all projects share, and no container of another project",
            "leave it out to join the project's default network"),
        Key(
            "network_mode: container:x", 19, "network_mode",
            "\"container:x\" cannot be honoured: there is no network that all projects share, and no container of another project",
            "leave it out to join the project's default network"),
        Key("network_mode: service:x", 19, "network_mode", "there is no service x", "did you mean w?"),
        Key(
            "pid: stack:pod", 10, "namespaces.pid", "there is no namespace pod",
            "add pod: {} under the top-level namespaces:"),
        Key(
            "namespaces: {user: host}", 18, "namespaces.user", "cannot be honoured: this comes later",
            "leave it out: it is as on the host"),
        Key(
            "networks: [front]", 16, "networks.front", "there is no network front",
            "add front: under the top-level networks:"),
        Key(
            "networks: {default: {ipv4_address: 1.2.3}}", 40, "networks.default.ipv4_address",
            "expected an IPv4 address, found \"1.2.3\"", "write 10.5.0.10"),
        Key(
            "networks: {default: {ipv4_address: 1.2.3.4}}", 40, "networks.default.ipv4_address",
            "the network default has no subnet to hold it",
            "add ipam: {config: [{subnet: 10.5.0.0/24}]} to networks.default"),
        Key("depends_on: [x]", 18, "depends_on.x", "there is no service x", "did you mean w?"),
        Key(
            "logging: {driver: gelf}", 23, "logging.driver",
            "\"gelf\" cannot be honoured: Settle keeps output in files of its own, and hands it to syslog and the journal",
            "leave it out"),
        Key(
            "logging: {driver: syslog, options: {syslog-address: \"udp://logs:514\"}}", 57,
            "logging.options.syslog-address", "expected the address of a syslog, found udp://logs:514",
            "write unixgram:///dev/log, udp://192.168.0.42:514 or tcp://192.168.0.42:514, with numbers"),
        Key(
            "logging: {options: {tag: \"{{.Node}}\"}}", 30, "logging.options.tag",
            "the tag asks for what there is not",
            "it may hold {{.ID}}, {{.FullID}}, {{.Name}}, {{.ImageID}}, {{.ImageFullID}}, {{.ImageName}} or {{.DaemonName}}"
        ),
        Key(
            "deploy: {replicas: 2}\nscale: 3", 12, "scale", "differs from deploy.replicas\n  note: f:4:24: the other",
            "make both equal, or remove one"),
        Key(
            "labels: ['a=${B?no}']", 17, "labels[0]", "the variable B must be set: no",
            "set B in the environment or .env"),
    ]

    private static let files: [File] = [
        File("", ["f:1:1: error: the file is empty"]),
        File("- a", ["f:1:1: error: expected a mapping at the top, found a list"]),
        File("services:", ["f:1:1: error: services: expected a mapping, found nothing"]),
        File("services: {w: }", ["f:1:12: error: services.w: expected a mapping, found nothing"]),
        File(
            "services: {w: {}}",
            [
                "f:1:12: error: services.w: the service has neither image: nor build:, and does not say what to run"
            ]),
        File("services: {'a b': {command: x}}", ["f:1:12: error: services.a b: \"a b\" is no name"]),
        File("servces: {}", ["f:1:1: error: servces: unknown key"]),
        File("include: [a]", ["f:1:11: error: include[0]: a cannot be read: no such file"]),
        File("resources: {memory: 1g}", ["f:1:13: error: resources.memory: unknown key"]),
        File(
            "resources: {mem_limit: 2m, memswap_limit: 1m}",
            ["f:1:43: error: resources.memswap_limit: is less than mem_limit, 2097152"]),
        File("namespaces: {a: }\nx-namespaces: {b: }", ["f:2:1: error: namespaces: stands here with and without x-"]),
        File(
            "namespaces: {a: [net, foo]}",
            [
                "f:1:23: error: namespaces.a[1]: expected mnt, pid, net, ipc, uts, user, cgroup or time, found \"foo\""
            ]),
        File(
            "namespaces: {a: {kinds: [ipc], networks: [default]}}",
            ["f:1:32: error: namespaces.a.networks: only a network namespace joins networks"]),
        File(
            "services: {w: {image: a, secrets: [{source: s, uid: web}]}}\nsecrets: {s: {file: f}}",
            ["f:1:53: error: services.w.secrets[0].uid: expected a number, found \"web\""]),
        File(
            "services: {w: {image: a, secrets: [s]}}\nsecrets: {s: {external: true}}",
            ["f:2:15: error: secrets.s.external: cannot be honoured: Settle asks nobody else for it"]),
        File(
            "services: {w: {command: x, networks: [a]}}\nnetworks: {a: {external: true}}",
            [
                "f:2:16: error: networks.a.external: cannot be honoured: what was made outside of the project cannot be used yet"
            ]),
        File(
            "services: {w: {command: x, networks: [a]}}\nnetworks: {a: {driver: overlay}}",
            ["f:2:24: error: networks.a.driver: \"overlay\" cannot be honoured: networks are bridges"]),
        File(
            "services: {w: {command: x, networks: [a]}}\nnetworks: {a: {ipam: {config: [{subnet: 10.0.0.1/24}]}}}",
            [
                "f:2:41: error: networks.a.ipam.config[0].subnet: expected the first address of the subnet, found \"10.0.0.1/24\""
            ]),
        File(
            "services: {w: {command: x, networks: [a]}}\nnetworks: {a: {ipam: {config: [{subnet: 'fd00::/64'}]}}}",
            ["f:2:41: error: networks.a.ipam.config[0].subnet: expected an IPv4 subnet, found \"fd00::/64\""]),
        File(
            "services: {w: {command: x, networks: [a]}}\nnetworks: {a: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: 10.0.1.1}]}}}",
            ["f:2:63: error: networks.a.ipam.config[0].gateway: 10.0.1.1 is no address for a host in 10.0.0.0/24"]),
        File(
            "services: {w: {command: x, volumes: ['a1:/b']}}\nvolumes: {a1: {driver_opts: {type: tmpfs, size: 1m}}}",
            ["f:2:49: error: volumes.a1.driver_opts.size: a folder has no size of its own"]),
        File(
            "services: {w: {command: x, volumes: ['a1:/b']}}\nvolumes: {a1: {driver_opts: {type: tmpfs}}}",
            ["f:2:29: error: volumes.a1.driver_opts: device is missing"]),
        File(
            "services:\n  a: {command: x, depends_on: [b]}\n  b: {command: x, pid: 'service:c'}\n  c: {command: x, depends_on: [a]}",
            ["f:4:32: error: services.c.depends_on.a: the services wait for each other: a -> b -> c -> a"]),
        File(
            "services: {a: {command: x, healthcheck: {http: 80, tcp: 81}}}",
            ["f:1:57: error: services.a.healthcheck.tcp: http and tcp exclude each other"]),
        File(
            "services: {a: {command: x, depends_on: [a]}}",
            ["f:1:41: error: services.a.depends_on.a: the services wait for each other: a -> a"]),
        File(
            "services:\n  a: {command: x, ports: ['80:1']}\n  b: {command: x, ports: ['127.0.0.1:80:2', '80:1/udp']}",
            ["f:3:27: error: services.b.ports[0]: the port 80 is published twice"]),
        File(
            "services:\n  a: {command: x, ports: ['80:1'], scale: 2}",
            ["f:2:27: error: services.a.ports[0]: 2 containers cannot all publish 80"]),
        File(
            "services:\n  a: {command: x}\n  b: {command: x, network_mode: 'service:a', ports: ['80:1']}",
            ["f:3:46: error: services.b.ports: the network namespace is that of a, which publishes its own ports"]),
        File(
            "services:\n  a: {command: x}\n  b: {command: x, network_mode: 'service:a', ports: ['80:1'], networks: [default]}",
            [
                "f:3:73: error: services.b.networks: network_mode and networks exclude each other"
            ]),
        File(
            "services:\n  a: {command: x, network_mode: none, ports: ['80:1']}",
            ["f:2:39: error: services.a.ports: without a network, no port can be published"]),
        File(
            "services:\n  a: {command: x, pid: host, namespaces: {pid: private}}",
            ["f:2:48: error: services.a.namespaces.pid: private here, host before"]),
        File(
            "services:\n  a: {command: x, uts: host, hostname: a}",
            ["f:2:40: error: services.a.hostname: the host name belongs to the uts namespace, which is host"]),
        File(
            "services:\n  a: {command: x, namespaces: {mnt: host}, read_only: true}",
            ["f:2:55: error: services.a.read_only: belongs to the mnt namespace, which is host"]),
        File(
            "services:\n  a: {command: x, pid: 'stack:p'}\nnamespaces: {p: [net]}",
            ["f:2:24: error: services.a.namespaces.pid: the namespaces of p have no pid"]),
        File(
            "services:\n  a: {command: x, mem_limit: 1m, deploy: {resources: {limits: {memory: 2m}}}}",
            ["f:2:30: error: services.a.mem_limit: differs from deploy.resources.limits.memory"]),
        File(
            "services:\n  a: {command: x, cpuset: '0-3'}\nresources: {cpuset: '0-1'}",
            ["f:2:27: error: services.a.cpuset: not all of them are the stack's, 0-1"]),
        File(
            "services:\n  a: {command: x, networks: {n: {ipv4_address: 10.6.0.1}}}\n  b: {command: x, networks: {n: {ipv4_address: 10.5.0.1}}}\nnetworks: {n: {ipam: {config: [{subnet: 10.5.0.0/24}]}}}",
            [
                "f:2:48: error: services.a.networks.n.ipv4_address: 10.6.0.1 is not in 10.5.0.0/24",
                "f:3:48: error: services.b.networks.n.ipv4_address: 10.5.0.1 is the gateway of n",
            ]),
        File(
            "services:\n  a: {command: x, networks: {n: {ipv4_address: 10.5.0.7}}}\n  b: {command: x, networks: {n: {ipv4_address: 10.5.0.7}}}\nnetworks: {n: {ipam: {config: [{subnet: 10.5.0.0/24}]}}}",
            ["f:3:48: error: services.b.networks.n.ipv4_address: 10.5.0.7 is given twice"]),
        File(
            "services:\n  a: {command: x, networks: [m, n]}\nnetworks: {m: {ipam: {config: [{subnet: 10.5.0.0/24}]}}, n: {ipam: {config: [{subnet: 10.0.0.0/8}]}}}",
            ["f:3:87: error: networks.n.ipam.config[0].subnet: 10.0.0.0/8 overlaps 10.5.0.0/24 of m"]),
    ]
}
