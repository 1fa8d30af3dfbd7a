# Run in a network namespace of its own: says what the lab needs and this kernel lacks, and fails; or is silent.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
modprobe -qa esp4 esp6 ah4 ah6 ip_gre ip6_gre vxlan veth dummy bridge xfrm_user 2>/dev/null
lacks() { echo "$1"; exit 1; }
key=0x0123456789abcdef0123456789abcdef01234567
ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1001 mode transport \
  aead 'rfc4106(gcm(aes))' $key 128 2>/dev/null || lacks "ESP"
ip xfrm state add src 2001:db8::1 dst 2001:db8::2 proto esp spi 0x1002 mode transport \
  aead 'rfc4106(gcm(aes))' $key 128 2>/dev/null || lacks "ESP over IPv6"
ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto ah spi 0x1003 mode transport \
  auth-trunc 'hmac(sha256)' ${key}012345678901234567890123 128 2>/dev/null || lacks "AH"
ip link add v0 type veth peer name v1 2>/dev/null || lacks "veth devices"
ip link add b0 type bridge 2>/dev/null || lacks "bridges"
ip link add d0 type dummy 2>/dev/null || lacks "dummy devices"
ip link add g0 type gre remote 192.0.2.2 local 192.0.2.1 2>/dev/null || lacks "GRE devices"
ip link add g6 type ip6gre remote 2001:db8::2 local 2001:db8::1 2>/dev/null || lacks "GRE devices over IPv6"
ip link add x0 type vxlan id 1 remote 192.0.2.2 local 192.0.2.1 dstport 4789 2>/dev/null || lacks "VXLAN devices"
