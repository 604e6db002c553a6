extension Action {
    /// What is done to what, for the journal.
    package var words: String {
        switch self {
        case .project: "project"
        case .stackNamespace: "stack namespace"
        case .namespace(let endpoint, let kind): "namespace \(endpoint) \(kind.rawValue)"
        case .bridge(let network): "bridge \(network.key)"
        case .removeBridge(let key): "remove bridge \(key)"
        case .link(let endpoint, let attachment): "link \(endpoint) \(attachment.network) \(attachment.address)"
        case .unlink(let endpoint, let network): "unlink \(endpoint) \(network)"
        case .egress(let egress): "egress \(egress?.subnet ?? "none")"
        case .firewall: "firewall"
        case .volume(let volume): "volume \(volume.name)"
        case .removeVolume(let volume): "remove volume \(volume.name)"
        case .unmount(let name): "unmount \(name)"
        case .ports: "ports"
        case .hosts: "hosts"
        case .limits(let instance, _): "limits \(instance)"
        case .sharedMemory(let instance, _): "shared memory \(instance)"
        case .thaw(let instance): "thaw \(instance)"
        case .files(let instance, _): "files \(instance)"
        case .prepare(let instance, _): "prepare \(instance)"
        case .start(let instance): "start \(instance)"
        case .discard(let instance): "discard \(instance)"
        case .removeEndpoint(let name): "remove endpoint \(name)"
        case .removeOutput(let id): "remove output \(id)"
        }
    }
}
