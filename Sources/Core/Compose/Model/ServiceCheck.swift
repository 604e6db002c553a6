import Diagnostics
import YAML

/// Values of one service that contradict each other.
struct ServiceCheck {
    let name: String
    let place: Place
    let node: Node
    /// `services.NAME`
    let path: String
    let report: Report

    func check(emptyImage: Place?, isWhole: Bool) {
        if isWhole { something(emptyImage) }
        build()
        networks()
        healthTest()
        numbers()
        limits()
        watched()
        mounts()
    }

    private func error(
        _ message: String, _ key: String, at place: Place?, notes: [Diagnostic.Note] = [], hint: String? = nil
    ) {
        report.followUp(
            Diagnostic(
                .error, message, at: place ?? self.place, path: key.isEmpty ? path : path.key(key), notes: notes,
                hint: hint))
    }

    /// An image, or a root of Settle's and what to run on it.
    private func something(_ emptyImage: Place?) {
        if node["image"] != nil || node["build"] != nil || node["provider"] != nil { return }
        if let emptyImage {
            return error(
                "expected the name of an image, found \"\"", "image", at: emptyImage,
                hint: "name one, or remove image: to run a program of this machine")
        }
        func isSet(_ key: String) -> Bool { node[key]?.items?.isEmpty == false }
        if isSet("command") || isSet("entrypoint") { return }
        if report.hasError(at: path) { return }
        error(
            "the service has neither image: nor build:, and does not say what to run", "", at: place,
            hint: "add image:, build:, or command: for a program of this machine: [\"sleep\", \"1h\"]")
    }

    private func build() {
        guard let build = node["build"] else { return }
        if let inline = build["dockerfile_inline"], let file = build["dockerfile"] {
            error(
                "dockerfile and dockerfile_inline exclude each other", "build.dockerfile_inline", at: inline.place,
                notes: [.init("dockerfile", at: file.place)], hint: "remove one of the two")
        }
        let platforms = (build["platforms"]?.items ?? []).compactMap(\.string)
        if let platform = node["platform"], let text = platform.string, !platforms.isEmpty, !platforms.contains(text) {
            error(
                "\(text) is none of build.platforms", "platform", at: platform.place,
                notes: [.init("these", at: build["platforms"]?.place)], hint: "add it there")
        }
    }

    private func networks() {
        guard let mode = node["network_mode"], let networks = node["networks"] else { return }
        error(
            "network_mode and networks exclude each other", "networks", at: networks.place,
            notes: [.init("network_mode", at: mode.place)], hint: "remove one of the two")
    }

    private func healthTest() {
        let probes = ["test", "http", "tcp"].compactMap { key in node["healthcheck"]?[key].map { (key, $0) } }
        for (key, probe) in probes.dropFirst() {
            error(
                "\(probes[0].0) and \(key) exclude each other", "healthcheck.\(key)", at: probe.place,
                notes: [.init(probes[0].0, at: probes[0].1.place)], hint: "remove one of the two")
        }
        guard let test = node["healthcheck"]?["test"], let first = test.items?.first else { return }
        if ["CMD", "CMD-SHELL", "NONE"].contains(first.string ?? "") { return }
        error(
            "expected CMD, CMD-SHELL or NONE as the first word, found \(first.described)", "healthcheck.test",
            at: first.place, hint: "write [CMD, program, argument], or one text for a shell")
    }

    private func numbers() {
        let scale = node["scale"]
        let replicas = node["deploy"]?["replicas"]
        for (key, value) in [("scale", scale), ("deploy.replicas", replicas)] {
            guard let value, let number = value.integer, number < 0 else { continue }
            error("expected zero or more, found \(number)", key, at: value.place)
        }
        if let scale, let replicas, scale.integer != replicas.integer {
            error(
                "differs from deploy.replicas", "scale", at: scale.place,
                notes: [.init("the other", at: replicas.place)], hint: "make both equal, or remove one")
        }
        if let name = node["container_name"], let count = scale ?? replicas, (count.integer ?? 1) > 1 {
            error(
                "\(count.integer ?? 0) containers cannot have one name", "container_name", at: name.place,
                notes: [.init("their number", at: count.place)], hint: "remove one of the two")
        }
    }

    /// What is said both beside and under `deploy` must be the same.
    private func limits() {
        let resources = node["deploy"]?["resources"]
        let pairs = [
            ("cpus", "limits", "cpus"), ("mem_limit", "limits", "memory"),
            ("mem_reservation", "reservations", "memory"), ("pids_limit", "limits", "pids"),
        ]
        for (key, part, name) in pairs {
            guard let value = node[key], let other = resources?[part] else { continue }
            if other[name]?.scalar?.text == value.scalar?.text { continue }
            let path = "deploy.resources.\(part).\(name)"
            error(
                "differs from \(path)", key, at: value.place,
                notes: [
                    .init(other[name] == nil ? "which is not set" : "the other", at: other[name]?.place ?? other.place)
                ],
                hint: "make both equal, or remove \(key)")
        }
    }

    private func watched() {
        for (index, trigger) in (node["develop"]?["watch"]?.items ?? []).enumerated() {
            let action = trigger.string("action") ?? ""
            if trigger["target"] == nil, !action.isEmpty, action != "rebuild", action != "restart" {
                error(
                    "the target is missing", "develop.watch".item(index), at: trigger.place,
                    hint: "add target: and the folder in the container")
            }
        }
    }

    private func mounts() {
        var seen: [String: Place] = [:]
        func mount(_ target: String, _ key: String, _ place: Place) {
            guard let other = seen.updateValue(place, forKey: target) else { return }
            error(
                "two mounts on \(target)", key, at: place, notes: [.init("the other", at: other)],
                hint: "remove one of the two")
        }
        for (index, item) in (node["tmpfs"]?.items ?? []).enumerated() {
            guard let text = item.string else { continue }
            mount(String(text.prefix { $0 != ":" }), "tmpfs".item(index), item.place)
        }
        for (index, item) in (node["volumes"]?.items ?? []).enumerated() {
            mount(item.string("target") ?? "", "volumes".item(index), item.place)
        }
    }
}
