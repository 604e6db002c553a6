extension LaunchSpec {
    /// Docker's, which are those of the OCI runtimes.
    package static let defaultCapabilities = [
        "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
        "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
    ]

    /// Secrets of a host that its programs do not need in order to run.
    package static let defaultHiddenPaths = [
        "/root", "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/ssh/ssh_host_*",
        "/etc/ssl/private", "/etc/sudoers", "/etc/sudoers.d", "/etc/security/opasswd", "/etc/krb5.keytab",
        "/etc/wireguard", "/etc/NetworkManager/system-connections", "/etc/docker/key.json", "/etc/kubernetes",
        "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/kubelet", "/var/spool/cron",
        "/run/docker.sock", "/run/containerd", "/run/systemd", "/run/dbus", "/run/credentials",
    ]

    /// Hidden, but there must be an empty one: programs expect it.
    package static let emptiedPaths: Set<String> = ["/root"]

    /// Defaults of the OCI runtimes: memory, keys and knobs of the machine that namespaces do not cover.
    package static let defaultMaskedPaths = [
        "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
        "/sys/firmware",
    ]

    package static let defaultReadOnlyPaths = [
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
    ]

    package static let defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}
