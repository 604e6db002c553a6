import Diagnostics
import YAML

/// Fills in what a value means where its long form leaves something out.
enum Defaults {
    private enum Rule { case build, secret, port, device, bind }

    private static let rules = PathTable<Rule>([
        "services.*.build": .build, "services.*.secrets.*": .secret, "services.*.ports.*": .port,
        "services.*.deploy.resources.reservations.devices.*": .device, "services.*.gpus.*": .device,
        "services.*.volumes.*.bind": .bind,
    ])

    static func fill(_ root: inout Node) {
        root.edit(along: rules) { node, _, rule in
            let place = node.place
            switch rule {
            case .build: node.setDefault("context", to: .text(".", at: place))
            case .secret:
                let source = node.string("source") ?? ""
                node.setDefault("target", to: .text("/run/secrets/\(source)", at: place))
            case .port:
                node.setDefault("protocol", to: .text("tcp", at: place))
                node.setDefault("mode", to: .text("ingress", at: place))
            case .device:
                if node["device_ids"] == nil { node.setDefault("count", to: .text("all", at: place)) }
            case .bind: node.setDefault("create_host_path", to: .plain("true", at: place))
            }
        }
    }
}
