import Stack
import Testing

@Suite struct BootUnitTests {
    @Test func theUnitRunsUpAndStop() {
        let unit = BootUnit(
            project: "shop", folder: "/srv/shop", program: "/usr/local/bin/settle", options: ["--file", "stack.yaml"],
            environment: ["HOME=/root", "PATH=/usr/bin:/bin"], needs: ["/srv/shop", "/var/lib/settle"])
        #expect(unit.name == "settle-shop.service")
        #expect(
            unit.text == """
                # Written by `settle enable`; `settle disable` takes it away.
                [Unit]
                Description=The stack shop, run by Settle
                Documentation=man:settle(8)
                Wants=network-online.target
                After=network-online.target local-fs.target remote-fs.target
                RequiresMountsFor=/srv/shop /var/lib/settle

                [Service]
                Type=oneshot
                RemainAfterExit=yes
                WorkingDirectory=/srv/shop
                Environment=HOME=/root
                Environment=PATH=/usr/bin:/bin
                ExecStart=/usr/local/bin/settle --file stack.yaml up --detach
                ExecStop=/usr/local/bin/settle --file stack.yaml stop
                KillMode=process
                TimeoutStartSec=infinity
                TimeoutStopSec=infinity
                Restart=on-failure
                RestartSec=10
                RestartPreventExitStatus=1

                [Install]
                WantedBy=multi-user.target

                """)
    }

    @Test func whatSystemdWouldReadIsEscaped() {
        let unit = BootUnit(
            project: "p", folder: "/a b%c", program: "/bin/settle", options: ["--file", "a \"$x\" 100%\\.yaml"],
            environment: ["COMPOSE_PROFILES=a b$c"], needs: ["/a b%c"])
        let lines = unit.text.split(separator: "\n")
        #expect(lines.contains("WorkingDirectory=/a b%%c"))
        #expect(lines.contains(#"Environment="COMPOSE_PROFILES=a b$c""#))
        #expect(lines.contains(#"RequiresMountsFor="/a b%%c""#))
        #expect(lines.contains(#"ExecStop=/bin/settle --file "a \"$$x\" 100%%\\.yaml" stop"#))
    }
}
