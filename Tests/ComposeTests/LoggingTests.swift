import Compose
import Testing

@Suite struct LoggingTests {
    private func settings(_ logging: String) throws -> LogSettings {
        let (project, problems) = load("name: p\nservices: {w: {rootfs: host, command: [x], logging: \(logging)}}")
        return try #require(project?.service("w")?.logging, "\(problems)")
    }

    @Test func driversAndTheirOptions() throws {
        #expect(try settings("{}").driver == .jsonFile)
        #expect(try settings("{driver: none}").driver == .none)
        let journal = try settings("{driver: journald, options: {tag: \"{{ .Name }}/x\", labels: \"tier, owner\"}}")
        #expect(journal.driver == .journald && journal.labels == ["tier", "owner"])
        #expect(journal.tag?.parts == [.place(.name), .text("/x")])
        let syslog = try settings(
            "{driver: syslog, options: {syslog-address: \"tcp://[::1]:601\", syslog-facility: local7, "
                + "syslog-format: rfc5424}}"
        ).syslog
        #expect(syslog.address == .tcp("::1", 601) && syslog.facility == 23 && syslog.format == .rfc5424)
    }

    @Test(arguments: [
        ("unix:///run/log", SyslogSettings.Address.local("/run/log")), ("unixgram:///dev/log", .local("/dev/log")),
        ("udp://10.0.0.1", .udp("10.0.0.1", 514)), ("udp://10.0.0.1:99", .udp("10.0.0.1", 99)),
        ("tcp://localhost:601", .tcp("127.0.0.1", 601)), ("udp://[fe80::1]", .udp("fe80::1", 514)),
    ])
    func addresses(text: String, address: SyslogSettings.Address) throws {
        #expect(try settings("{driver: syslog, options: {syslog-address: \"\(text)\"}}").syslog.address == address)
    }
}
