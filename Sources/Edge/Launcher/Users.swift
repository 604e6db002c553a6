package import Launch

/// `user:` by the text of a container's `/etc/passwd` and `/etc/group`, as Docker reads it.
///
/// - Parameters:
///   - user: `1000`, `name`, `1000:1000`, `name:group`; nil is root.
///   - further: names or numbers of groups beside the user's own.
/// - Throws: `LaunchError` with the key `user` or `group_add` where a name is unknown.
package func resolve(
    user: String?, groups further: [String] = [], passwd: String, group: String
) throws(LaunchError) -> Identity {
    var identity = try resolve(user, passwd, records(group, fields: 4))
    for name in further {
        let found = records(group, fields: 4).first { $0[0] == name }.flatMap { Int($0[2]) } ?? Int(name)
        guard let gid = found, (0...maximumID).contains(gid) else {
            throw LaunchError("group_add", "no group '\(name)' in the container's /etc/group")
        }
        if !identity.groups.contains(gid) { identity.groups.append(gid) }
    }
    return identity
}

private func resolve(_ user: String?, _ passwd: String, _ groups: [[String]]) throws(LaunchError) -> Identity {
    let accounts = records(passwd, fields: 7)
    let parts = (user ?? "0").split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let name = parts[0].isEmpty ? "0" : parts[0]
    let account = accounts.first { $0[0] == name } ?? accounts.first { $0[2] == name }
    guard let uid = account.flatMap({ Int($0[2]) }) ?? Int(name), (0...maximumID).contains(uid) else {
        throw LaunchError("user", "no user '\(name)' in the container's /etc/passwd")
    }
    var result = Identity(uid: uid, gid: account.flatMap { Int($0[3]) } ?? 0, home: account?[5] ?? "/")
    if result.home.isEmpty { result.home = "/" }
    if parts.count == 2, !parts[1].isEmpty {
        let found = groups.first { $0[0] == parts[1] }.flatMap { Int($0[2]) }
        guard let gid = found ?? Int(parts[1]), (0...maximumID).contains(gid) else {
            throw LaunchError("user", "no group '\(parts[1])' in the container's /etc/group")
        }
        result.gid = gid
        return result
    }
    if let login = account?[0] {
        let memberships = groups.filter { $0[3].split(separator: ",").contains { $0 == login } }
        result.groups = memberships.compactMap { Int($0[2]) }
    }
    return result
}

private let maximumID = 0x7FFF_FFFF

private func records(_ text: String, fields: Int) -> [[String]] {
    // By bytes: splitting by characters takes ten times as long.
    text.utf8.split(separator: UInt8(ascii: "\n")).map { line in
        line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map { String(Substring($0)) }
    }.filter { $0.count >= fields }
}
