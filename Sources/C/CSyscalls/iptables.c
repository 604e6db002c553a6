#include "network.h"

#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// The socket options of raw IPv4 sockets that iptables-legacy uses; nftables does not show these tables.

static bool policy_drops(const struct ipt_getinfo *info, const struct ipt_get_entries *table) {
    unsigned place = info->underflow[NF_INET_FORWARD];
    if (!(info->valid_hooks & 1u << NF_INET_FORWARD) || place + sizeof(struct ipt_entry) > info->size) return false;
    const struct ipt_entry *entry = (const void *)((const char *)table->entrytable + place);
    if (place + entry->target_offset + sizeof(struct xt_standard_target) > info->size) return false;
    const struct xt_standard_target *target = (const void *)((const char *)entry + entry->target_offset);
    return target->verdict == -NF_DROP - 1;
}

int settle_legacy_forward_drops(const char *unless_naming) {
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (fd < 0) return 0;
    struct ipt_getinfo info = {.name = "filter"};
    socklen_t size = sizeof info;
    bool drops = false;
    if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &size) == 0) {
        size = sizeof(struct ipt_get_entries) + info.size;
        struct ipt_get_entries *table = calloc(1, size);
        if (table) {
            strcpy(table->name, "filter");
            table->size = info.size;
            drops = getsockopt(fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, table, &size) == 0 && policy_drops(&info, table) &&
                    !memmem(table->entrytable, info.size, unless_naming, strlen(unless_naming));
            free(table);
        }
    }
    close(fd);
    return drops;
}
