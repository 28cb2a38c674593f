#!/bin/busybox sh
# The guest's first process: mounts what a host has, runs /.vm/command, reports its exit code on the second serial line and switches off.
/bin/busybox mkdir -p /bin /sbin /usr/sbin
/bin/busybox --install -s
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root TERM=dumb
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tracefs tracefs /sys/kernel/tracing
mount -t debugfs debugfs /sys/kernel/debug
mount -t bpf bpf /sys/fs/bpf
mount -t securityfs securityfs /sys/kernel/security
chmod 1777 /var/tmp
ln -sf /proc/self/fd /dev/fd
hostname lapwing-guest
ip link set lo up
cd /root
sh /.vm/command </dev/null
code=$?
sync
echo "$code" >/dev/ttyS1
# The serial line is emptied before the machine goes.
sleep 0.2
poweroff -f
