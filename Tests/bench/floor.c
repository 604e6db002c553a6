// The kernel's floor: what the containers of a stack cost if one C program makes the calls that Settle makes for a
// service with `rootfs: host`, `init: true`, limits and one network, without looking, planning or remembering.
//
//   floor FOLDER CGROUP COUNT
//
// prints two numbers: microseconds per container from nothing to its program, and to its removal. The containers live
// side by side, as in a stack. FOLDER is made for it; CGROUP is relative to the hierarchies. To be run as root.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/if_link.h>
#include <linux/mount.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/veth.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(call) check((long)(call), #call)

static const char *folder, *group;
static int home, stack;

static long check(long result, const char *call) {
    if (result >= 0) return result;
    fprintf(stderr, "floor: %s: %s\n", call, strerror(errno));
    exit(1);
}

static char *text(const char *format, ...) {
    static char buffers[8][512];
    static unsigned next;
    char *buffer = buffers[next++ % 8];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffers[0], format, arguments);
    va_end(arguments);
    return buffer;
}

static void put(const char *path, const char *words) {
    int file = CHECK(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (write(file, words, strlen(words)) < 0) check(-1, path);
    close(file);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

// Control groups: cpu, cpuset, memory, pids and the freezer, on v1 or v2, whichever is there.

static const char *v1[] = {"cpu", "cpuset", "memory", "pids", "freezer"};
static const char *unified;
static int is_v1;

static void find_cgroups(void) {
    is_v1 = !access("/sys/fs/cgroup/memory/cgroup.procs", F_OK);
    if (!access("/sys/fs/cgroup/cgroup.controllers", F_OK)) unified = "/sys/fs/cgroup";
    if (!access("/sys/fs/cgroup/unified/cgroup.controllers", F_OK)) unified = "/sys/fs/cgroup/unified";
}

static void copy_processors(const char *path) {
    put(text("%s/cpuset.mems", path), "0");
    char words[256] = {0};
    int file = CHECK(open("/sys/fs/cgroup/cpuset/cpuset.cpus", O_RDONLY | O_CLOEXEC));
    if (read(file, words, sizeof words - 1) > 0) put(text("%s/cpuset.cpus", path), words);
    close(file);
}

static void make_group(const char *name) {
    for (unsigned i = 0; is_v1 && i < sizeof v1 / sizeof *v1; i++) {
        char *path = text("/sys/fs/cgroup/%s/%s%s", v1[i], group, name);
        CHECK(mkdir(path, 0755));
        if (!strcmp(v1[i], "cpuset")) copy_processors(path);
    }
    if (unified) CHECK(mkdir(text("%s/%s%s", unified, group, name), 0755));
    if (*name && is_v1) {
        put(text("/sys/fs/cgroup/memory/%s%s/memory.limit_in_bytes", group, name), "67108864");
        put(text("/sys/fs/cgroup/memory/%s%s/memory.memsw.limit_in_bytes", group, name), "134217728");
        put(text("/sys/fs/cgroup/pids/%s%s/pids.max", group, name), "20");
    } else if (*name) {
        put(text("%s/%s%s/memory.max", unified, group, name), "67108864");
        put(text("%s/%s%s/memory.swap.max", unified, group, name), "67108864");
        put(text("%s/%s%s/pids.max", unified, group, name), "20");
    }
}

static void remove_group(const char *name) {
    for (unsigned i = 0; is_v1 && i < sizeof v1 / sizeof *v1; i++)
        while (rmdir(text("/sys/fs/cgroup/%s/%s%s", v1[i], group, name)) && errno == EBUSY) usleep(200);
    while (unified && rmdir(text("%s/%s%s", unified, group, name)) && errno == EBUSY) usleep(200);
}

// rtnetlink(7).

struct message {
    struct nlmsghdr header;
    char bytes[1000];
};

static void *add(struct message *message, int type, const void *data, int size) {
    struct rtattr *attribute = (void *)((char *)message + NLMSG_ALIGN(message->header.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = RTA_LENGTH(size);
    if (size) memcpy(RTA_DATA(attribute), data, size);
    message->header.nlmsg_len = NLMSG_ALIGN(message->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
    return attribute;
}

static void end(struct message *message, struct rtattr *nest) {
    nest->rta_len = (char *)message + message->header.nlmsg_len - (char *)nest;
}

static struct message begin(int type, int flags, const void *header, int size) {
    struct message message = {.header = {.nlmsg_len = NLMSG_LENGTH(size), .nlmsg_type = type,
                                         .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags}};
    memcpy(NLMSG_DATA(&message.header), header, size);
    return message;
}

static void perform(int socket, struct message *message, const char *words) {
    char answer[4096];
    CHECK(send(socket, message, message->header.nlmsg_len, 0));
    CHECK(recv(socket, answer, sizeof answer, 0));
    struct nlmsgerr *error = NLMSG_DATA((struct nlmsghdr *)answer);
    errno = -error->error;
    check(error->error, words);
}

static int netlink_in(int namespace) {
    CHECK(setns(namespace, CLONE_NEWNET));
    int socket_ = CHECK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    CHECK(setns(home, CLONE_NEWNET));
    return socket_;
}

static int new_network(void) {
    CHECK(unshare(CLONE_NEWNET));
    int namespace = CHECK(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    CHECK(setns(home, CLONE_NEWNET));
    return namespace;
}

static void set_up(int socket, int index) {
    struct ifinfomsg link = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct message message = begin(RTM_NEWLINK, 0, &link, sizeof link);
    perform(socket, &message, "set a link up");
}

static void set_address(int socket, int index, const char *address) {
    struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = 16, .ifa_index = index};
    struct in_addr number;
    inet_aton(address, &number);
    struct message message = begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
    add(&message, IFA_LOCAL, &number, sizeof number);
    perform(socket, &message, "add an address");
}

#define BRIDGE 100
#define INSIDE 2

static void make_bridge(int socket) {
    struct ifinfomsg link = {.ifi_index = BRIDGE};
    struct message message = begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link);
    add(&message, IFLA_IFNAME, "bridge", 7);
    struct rtattr *info = add(&message, IFLA_LINKINFO, NULL, 0);
    add(&message, IFLA_INFO_KIND, "bridge", 6);
    end(&message, info);
    perform(socket, &message, "make a bridge");
    set_address(socket, BRIDGE, "10.99.0.1");
    set_up(socket, BRIDGE);
}

static void make_pair(int socket, int number, int namespace) {
    struct ifinfomsg link = {.ifi_index = BRIDGE + 1 + number, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct ifinfomsg peer = {.ifi_index = INSIDE};
    struct message message = begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link);
    char name[16];
    int bridge = BRIDGE;
    add(&message, IFLA_IFNAME, name, snprintf(name, sizeof name, "v%d", number) + 1);
    add(&message, IFLA_MASTER, &bridge, sizeof bridge);
    struct rtattr *info = add(&message, IFLA_LINKINFO, NULL, 0);
    add(&message, IFLA_INFO_KIND, "veth", 4);
    struct rtattr *data = add(&message, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *other = add(&message, VETH_INFO_PEER, &peer, sizeof peer);
    add(&message, IFLA_IFNAME, "eth0", 5);
    add(&message, IFLA_NET_NS_FD, &namespace, sizeof namespace);
    end(&message, other);
    end(&message, data);
    end(&message, info);
    perform(socket, &message, "make a veth pair");
}

// One container.

struct container {
    int pid, network;
};

static void bind_device(const char *name, int minor) {
    char *path = text("/dev/%s", name);
    CHECK(mknod(path, S_IFCHR | 0666, makedev(1, minor)));
    CHECK(mount(path, path, NULL, MS_BIND, NULL));
}

static void read_only(const char *path) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    CHECK(syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attributes, sizeof attributes));
}

static _Noreturn void become(const char *own, int network, int gate) {
    const unsigned long inert = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    char byte;
    if (read(gate, &byte, 1) != 1) _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    CHECK(setns(network, CLONE_NEWNET));
    CHECK(unshare(CLONE_NEWCGROUP));
    CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    int files[3];
    const char *names[] = {"hosts", "hostname", "resolv.conf"};
    for (int i = 0; i < 3; i++)
        files[i] = CHECK(syscall(SYS_open_tree, AT_FDCWD, text("%s/%s", own, names[i]), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    CHECK(mount("overlay", text("%s/upper", own), "overlay", MS_NODEV,
                text("lowerdir=/,upperdir=%s/upper,workdir=%s/work,index=off", own, own)));
    CHECK(chdir(text("%s/upper", own)));
    CHECK(syscall(SYS_pivot_root, ".", "."));
    CHECK(umount2(".", MNT_DETACH));
    CHECK(chdir("/"));
    CHECK(mount("proc", "/proc", "proc", inert, NULL));
    CHECK(mount("sysfs", "/sys", "sysfs", inert | MS_RDONLY, NULL));
    CHECK(mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k"));
    bind_device("null", 3);
    bind_device("zero", 5);
    bind_device("full", 7);
    bind_device("random", 8);
    bind_device("urandom", 9);
    CHECK(mkdir("/dev/pts", 0755));
    CHECK(mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"));
    CHECK(mkdir("/dev/mqueue", 0755));
    CHECK(mount("mqueue", "/dev/mqueue", "mqueue", inert, NULL));
    CHECK(mkdir("/dev/shm", 0755));
    CHECK(mount("shm", "/dev/shm", "tmpfs", inert, "mode=1777,size=64m"));
    for (int i = 0; i < 3; i++) {
        const char *target = text("/etc/%s", names[i]);
        if (access(target, F_OK)) put(target, "");
        CHECK(syscall(SYS_move_mount, files[i], "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH));
    }
    const char *kept[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"};
    for (int i = 0; i < 4; i++) {
        if (access(kept[i], F_OK)) continue;
        CHECK(mount(kept[i], kept[i], NULL, MS_BIND | MS_REC, NULL));
        read_only(kept[i]);
    }
    const char *masked[] = {"/proc/interrupts", "/proc/keys", "/proc/timer_list"};
    for (int i = 0; i < 3; i++)
        if (!access(masked[i], F_OK)) CHECK(mount("/dev/null", masked[i], NULL, MS_BIND, NULL));
    CHECK(mount("tmpfs", "/sys/firmware", "tmpfs", inert | MS_RDONLY, "size=0k"));
    CHECK(sethostname("floor", 5));
    execlp("sleep", "sleep", "100000", NULL);
    _exit(127);
}

static struct container start(int number, int links) {
    char own[256], name[32];
    snprintf(own, sizeof own, "%s/%d", folder, number);
    snprintf(name, sizeof name, "/c%d", number);
    CHECK(mkdir(own, 0700));
    CHECK(mkdir(text("%s/upper", own), 0755));
    CHECK(mkdir(text("%s/work", own), 0755));
    put(text("%s/hosts", own), "127.0.0.1 localhost\n");
    put(text("%s/hostname", own), "floor\n");
    put(text("%s/resolv.conf", own), "nameserver 127.0.0.1\n");

    struct container container = {.network = new_network()};
    make_pair(links, number, container.network);
    int inside = netlink_in(container.network);
    set_up(inside, 1);
    set_address(inside, INSIDE, text("10.99.%d.%d", 1 + number / 200, 1 + number % 200));
    set_up(inside, INSIDE);
    close(inside);

    make_group(name);
    int gate[2], report[2], birthplace = -1;
    CHECK(pipe2(gate, O_CLOEXEC));
    CHECK(pipe2(report, O_CLOEXEC));
    if (unified) birthplace = CHECK(open(text("%s/%s%s", unified, group, name), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct clone_args arguments = {
        .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | (unified ? CLONE_INTO_CGROUP : 0),
        .exit_signal = SIGCHLD, .cgroup = unified ? birthplace : 0};
    container.pid = CHECK(syscall(SYS_clone3, &arguments, sizeof arguments));
    if (!container.pid) become(own, container.network, gate[0]);
    close(birthplace);
    for (unsigned i = 0; is_v1 && i < sizeof v1 / sizeof *v1; i++)
        put(text("/sys/fs/cgroup/%s/%s%s/cgroup.procs", v1[i], group, name), text("%d", container.pid));
    close(report[1]);
    CHECK(write(gate[1], "", 1));
    char byte;
    // Closed by execve(2).
    if (read(report[0], &byte, 1) != 0) exit(1);
    close(report[0]);
    close(gate[0]);
    close(gate[1]);
    return container;
}

static int removed(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static void clean(const char *path) { nftw(path, removed, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); }

int main(int count, char **arguments) {
    if (count != 4) return fprintf(stderr, "usage: floor FOLDER CGROUP COUNT\n"), 1;
    folder = arguments[1];
    group = arguments[2];
    int number = atoi(arguments[3]);
    umask(0);
    find_cgroups();
    home = CHECK(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    CHECK(mkdir(folder, 0700));
    make_group("");
    if (!is_v1) put(text("%s/%s/cgroup.subtree_control", unified, group), "+memory +pids +cpu +cpuset");
    stack = new_network();
    int links = netlink_in(stack);
    make_bridge(links);

    struct container containers[number];
    double begun = now();
    for (int i = 0; i < number; i++) containers[i] = start(i, links);
    double running = now();
    for (int i = 0; i < number; i++) CHECK(kill(containers[i].pid, SIGKILL));
    for (int i = 0; i < number; i++) {
        CHECK(waitpid(containers[i].pid, NULL, 0));
        close(containers[i].network);
        remove_group(text("/c%d", i));
        clean(text("%s/%d", folder, i));
    }
    double gone = now();
    remove_group("");
    clean(folder);
    printf("%.0f %.0f\n", (running - begun) / number, (gone - running) / number);
    return 0;
}
