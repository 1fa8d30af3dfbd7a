#!/bin/sh
# The first process of the guest, whose root is the host's file system. The kernel's command line sets, as
# environment: LAB_RUN, a folder of the host with the job to run; and LAB_KEEP, folders that must stay the host's
# although they may lie under /tmp or /run, which are the guest's own.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount --bind / /mnt
mount -t tmpfs tmpfs /tmp
chmod 1777 /tmp
mount -t tmpfs tmpfs /run
for folder in $(echo "$LAB_KEEP" | tr : ' '); do
  case $folder in
    /tmp/* | /run/*) mkdir -p "$folder" && mount --bind "/mnt$folder" "$folder" ;;
  esac
done
umount /mnt
# What a daemon keeps over its restarts ends with the guest.
mkdir -p /var/lib/underlock
mount -t tmpfs tmpfs /var/lib/underlock
hostname lab
ip link set lo up
# One processor serves every machine of a scenario: bursts wait for it, instead of being lost.
echo 10000 >/proc/sys/net/core/netdev_max_backlog
modprobe -a ipv6 esp4 esp6 ah4 ah6 ipcomp ipcomp6 ip_gre ip6_gre vxlan geneve xfrm_user af_key veth bridge dummy \
  authenc gcm ccm cbc ctr cmac camellia_generic des_generic echainiv seqiv xcbc chacha20poly1305 sch_netem \
  iptable_nat xt_MASQUERADE xt_nat
# Raw lines, fed by pipes, so that the job sees no terminal and its octets arrive as written.
stty raw -F /dev/ttyS0
stty raw -F /dev/ttyS1
mkfifo /run/job.out /run/job.err
cat /run/job.out >/dev/ttyS0 &
out=$!
cat /run/job.err >/dev/ttyS1 &
err=$!
sh "$LAB_RUN/job.sh" </dev/null >/run/job.out 2>/run/job.err
status=$?
# A process that the job left behind may hold the pipes open: wait for the last words, but not for ever.
(sleep 2; kill $out $err) &
wait $out $err
echo $status >"$LAB_RUN/status.new"
mv "$LAB_RUN/status.new" "$LAB_RUN/status"
sync
echo o >/proc/sysrq-trigger
sleep 60
