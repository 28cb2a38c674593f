#!/bin/busybox sh
# The guest's first process: mounts what a host has, runs /.vm/command, reports its exit code on a serial line and switches off.
/bin/busybox mkdir -p /bin /sbin /usr/sbin
/bin/busybox --install -s
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root TERM=dumb
mount -t proc proc /proc
# The kernel parameter lapwing.without=a,b: what this host does not have (tracefs, cgroup2, securityfs, btf).
without=,$(sed -n 's/.*lapwing\.without=\([^ ]*\).*/\1/p' /proc/cmdline),
has() { case $without in *,$1,*) return 1 ;; esac; }
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=0755 tmpfs /run
has cgroup2 && mount -t cgroup2 cgroup2 /sys/fs/cgroup
has tracefs && mount -t tracefs tracefs /sys/kernel/tracing
has tracefs && mount -t debugfs debugfs /sys/kernel/debug
mount -t bpf bpf /sys/fs/bpf
has securityfs && mount -t securityfs securityfs /sys/kernel/security
has btf || mount -t tmpfs tmpfs /sys/kernel/btf
chmod 1777 /var/tmp
ln -sf /proc/self/fd /dev/fd
hostname lapwing-guest
ip link set lo up
cd /root
sh /.vm/command </dev/null
code=$?
sync
# One machine has a second line, another only this one.
if [ -c /dev/ttyAMA0 ]; then echo "@exit $code" >/dev/ttyAMA0; else echo "$code" >/dev/ttyS1; fi
# The serial line is emptied before the machine goes.
sleep 0.2
poweroff -f
