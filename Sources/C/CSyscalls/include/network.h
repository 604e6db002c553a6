// Network namespaces, netlink and descriptors over Unix sockets.
#pragma once

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stddef.h>
#include <stdint.h>

// setns(2) of the calling thread into the network namespace.
int settle_enter_network(int namespace_descriptor);
// unshare(2) of the calling thread into a new network namespace.
int settle_unshare_network(void);
// 1 or 0.
int settle_is_network_namespace(int descriptor);
int settle_memfd_create(const char *name);
// Sends one packet, with a descriptor beside it where `descriptor` is not -1.
long settle_send_packet(int socket, const void *bytes, size_t count, int descriptor);
// 1 where the FORWARD chain of the legacy iptables of the calling thread's network namespace drops by default and no rule
// contains the text. Loads the table; ask /proc/net/ip_tables_names first.
int settle_legacy_forward_drops(const char *unless_naming);
