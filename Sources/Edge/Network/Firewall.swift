import CSyscalls
import Glibc
package import Syscalls

package enum FirewallError: Error, Hashable, CustomStringConvertible {
    case system(SystemError)
    case programMissing
    /// What nft(8) said.
    case refused(String)

    package var description: String {
        switch self {
        case .system(let error): "\(error)"
        case .programMissing: "nft is not installed; install the package nftables"
        case .refused(let words): "nft: \(words)"
        }
    }
}

/// What stands where a table of ours should.
package enum FirewallState: Hashable {
    case absent
    /// Rules or chains are not those that were put there.
    case altered
    /// As `apply` left it; `hash` is that of the `FirewallTable`.
    case intact(hash: String)
}

/// A table on its way into the kernel, by a program that takes its time: what does not depend on it may go on.
package final class FirewallChange {
    private let table: FirewallTable
    private let namespace: Descriptor
    private let program: NftProgram

    package init(_ table: FirewallTable, in namespace: Int32) throws(FirewallError) {
        do throws(SystemError) {
            self.namespace = try Descriptor(copyOf: namespace)
        } catch {
            throw .system(error)
        }
        self.table = table
        program = try NftProgram(table.text, in: namespace)
    }

    /// To be called once: before it, nothing may rely on the table.
    package func finish() throws(FirewallError) {
        try program.finish()
        try Firewall.seal(table, in: namespace.raw)
    }
}

/// The tables of nftables.
package enum Firewall {
    private static let sealPrefix = "seal-"

    /// Puts the table in place of the one of its name in one transaction, then seals it: an empty chain whose name holds
    /// the hash of the text and the fingerprint of what the kernel made of it. So the kernel itself remembers what
    /// belongs there, and observing takes no process. Until it is sealed the table counts as altered.
    package static func apply(_ table: FirewallTable, in namespace: Int32) throws(FirewallError) {
        try FirewallChange(table, in: namespace).finish()
    }

    fileprivate static func seal(_ table: FirewallTable, in namespace: Int32) throws(FirewallError) {
        do throws(SystemError) {
            let netlink = try Netlink(NETLINK_NETFILTER, in: namespace)
            let contents = try contents(of: table.family, table.name, netlink)
            var seal = message("seal table \(table.name)", NFT_MSG_NEWCHAIN, table.family, flags: NLM_F_CREATE)
            seal.add(NFTA_CHAIN_TABLE.rawValue, table.name)
            seal.add(NFTA_CHAIN_NAME.rawValue, "\(sealPrefix)\(table.hash)-\(contents.fingerprint)")
            try perform(seal, netlink)
        } catch {
            throw .system(error)
        }
    }

    package static func observe(_ family: FirewallFamily, _ name: String, in namespace: Int32) throws(SystemError)
        -> FirewallState
    {
        let contents = try contents(of: family, name, Netlink(NETLINK_NETFILTER, in: namespace))
        if !contents.exists { return .absent }
        let parts = contents.seals.count == 1 ? contents.seals[0].split(separator: "-") : []
        guard parts.count == 3, parts[2] == contents.fingerprint else { return .altered }
        return .intact(hash: String(parts[1]))
    }

    /// Removes the table and all that is in it; nothing to do where there is none.
    package static func remove(_ family: FirewallFamily, _ name: String, in namespace: Int32) throws(SystemError) {
        let netlink = try Netlink(NETLINK_NETFILTER, in: namespace)
        func request(_ purpose: String, _ type: nf_tables_msg_types) -> NetlinkMessage {
            var request = message("\(purpose) table \(name)", type, family)
            request.add(NFTA_TABLE_NAME.rawValue, name)
            return request
        }
        do {
            // Asked first: a transaction that is refused waits some 10 ms for the kernel.
            _ = try netlink.get(request("find", NFT_MSG_GETTABLE))
            try perform(request("delete", NFT_MSG_DELTABLE), netlink)
        } catch  where error.errno == ENOENT {
            return
        }
    }

    /// A chain that drops forwarded packets unless a rule of it says otherwise, `ip filter FORWARD` for example, and
    /// whose table has no rule that names links of the given prefix: somebody else's firewall, in the way of egress.
    static func droppingForwardChain(unlessNaming prefix: String, in namespace: Int32) throws(SystemError) -> String? {
        let netlink = try Netlink(NETLINK_NETFILTER, in: namespace)
        for family in [FirewallFamily.ip, .inet] {
            for chain in try chains(family, netlink) where chain.dropsForwarded {
                let rules = try rules(family, chain.table, netlink)
                let named = rules.contains { $0.expressions.contains(Array(prefix.utf8)) }
                if !named { return "\(family.rawValue) \(chain.table) \(chain.name)" }
            }
        }
        return nil
    }

    // What the kernel holds, by nfnetlink. linux/netfilter/nf_tables.h

    private struct Chain {
        let table: String
        let name: String
        let dropsForwarded: Bool
        let identity: [UInt8]

        init(_ bytes: ArraySlice<UInt8>) {
            let values = NetlinkAttributes(bytes.dropFirst(4))
            table = values.text(NFTA_CHAIN_TABLE.rawValue) ?? ""
            name = values.text(NFTA_CHAIN_NAME.rawValue) ?? ""
            let hook = values.bytes(NFTA_CHAIN_HOOK.rawValue)
            let policy = values.bytes(NFTA_CHAIN_POLICY.rawValue)
            let number = hook.flatMap { NetlinkAttributes($0).bytes(NFTA_HOOK_HOOKNUM.rawValue) }
            // NF_INET_FORWARD and NF_DROP, in network byte order.
            dropsForwarded = number.map { Array($0) } == [0, 0, 0, 2] && policy.map { Array($0) } == [0, 0, 0, 0]
            identity = Array(name.utf8) + [0] + (hook ?? []) + (policy ?? [])
        }
    }

    private struct Rule {
        let chain: String
        let expressions: [UInt8]

        init(_ bytes: ArraySlice<UInt8>) {
            let values = NetlinkAttributes(bytes.dropFirst(4))
            chain = values.text(NFTA_RULE_CHAIN.rawValue) ?? ""
            expressions = Array(values.bytes(NFTA_RULE_EXPRESSIONS.rawValue) ?? [])
        }
    }

    private static func contents(of family: FirewallFamily, _ name: String, _ netlink: borrowing Netlink)
        throws(SystemError) -> (exists: Bool, seals: [String], fingerprint: String)
    {
        let chains = try chains(family, netlink).filter { $0.table == name }
        let seals = chains.map { $0.name }.filter { $0.hasPrefix(sealPrefix) }
        var bytes = chains.filter { !$0.name.hasPrefix(sealPrefix) }.flatMap { $0.identity }
        for rule in try rules(family, name, netlink) { bytes += Array(rule.chain.utf8) + [0] + rule.expressions }
        return (!chains.isEmpty, seals, Network.fingerprint(bytes))
    }

    private static func chains(_ family: FirewallFamily, _ netlink: borrowing Netlink) throws(SystemError) -> [Chain] {
        try netlink.dump(message("list chains", NFT_MSG_GETCHAIN, family)).map { Chain($0) }
    }

    private static func rules(_ family: FirewallFamily, _ table: String, _ netlink: borrowing Netlink)
        throws(SystemError) -> [Rule]
    {
        var request = message("list rules", NFT_MSG_GETRULE, family)
        request.add(NFTA_RULE_TABLE.rawValue, table)
        return try netlink.dump(request).map { Rule($0) }
    }

    private static func message(
        _ purpose: String, _ type: nf_tables_msg_types, _ family: FirewallFamily, flags: Int32 = 0
    ) -> NetlinkMessage {
        let header = nfgenmsg(nfgen_family: family.number, version: 0, res_id: 0)
        return NetlinkMessage(
            purpose, Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(type.rawValue), flags: flags, header: header)
    }

    /// Changes go in a transaction, be it of one.
    private static func perform(_ request: NetlinkMessage, _ netlink: borrowing Netlink) throws(SystemError) {
        let header = nfgenmsg(nfgen_family: 0, version: 0, res_id: UInt16(NFNL_SUBSYS_NFTABLES).bigEndian)
        let begin = NetlinkMessage("begin transaction", Int(NFNL_MSG_BATCH_BEGIN), header: header)
        let end = NetlinkMessage("end transaction", Int(NFNL_MSG_BATCH_END), header: header)
        try netlink.performBatch([begin, request, end], acknowledging: 1)
    }
}
