using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>The calls for network interfaces, TAP descriptors and packet sockets.</summary>
internal static unsafe partial class Libc
{
    internal const int AF_PACKET = 17;
    internal const int SOCK_DGRAM = 2;
    internal const int SOCK_RAW = 3;
    internal const int SO_ERROR = 4;
    internal const int SO_SNDBUF = 7;
    internal const int SO_SNDBUFFORCE = 32;
    internal const int SOL_PACKET = 263;
    internal const int PACKET_ADD_MEMBERSHIP = 1;
    internal const int PACKET_RX_RING = 5;
    internal const int PACKET_STATISTICS = 6;
    internal const int PACKET_VERSION = 10;
    internal const int PACKET_VNET_HDR = 15;
    internal const int PACKET_FANOUT = 18;
    internal const int PACKET_QDISC_BYPASS = 20;
    internal const int PACKET_IGNORE_OUTGOING = 23;
    internal const int PACKET_MR_PROMISC = 1;
    internal const int TPACKET_V2 = 1;
    internal const int ETH_P_ALL = 3;
    internal const int CLONE_NEWNET = 0x40000000;
    internal const int IFNAMSIZ = 16;
    internal const int IFF_UP = 1;
    internal const int IFF_RUNNING = 0x40;
    internal const ushort ARPHRD_ETHER = 1;
    internal const ushort ARPHRD_LOOPBACK = 772;
    internal const short IFF_TAP = 2;
    internal const short IFF_MULTI_QUEUE = 0x100;
    internal const short IFF_NO_PI = 0x1000;
    internal const short IFF_VNET_HDR = 0x4000;
    internal const nuint SIOCGIFNAME = 0x8910;
    internal const nuint SIOCGIFFLAGS = 0x8913;
    internal const nuint SIOCSIFFLAGS = 0x8914;
    internal const nuint SIOCGIFMTU = 0x8921;
    internal const nuint SIOCSIFMTU = 0x8922;
    internal const nuint SIOCSIFHWADDR = 0x8924;
    internal const nuint SIOCGIFHWADDR = 0x8927;
    internal const nuint SIOCGIFINDEX = 0x8933;
    internal const nuint TUNSETIFF = 0x400454ca;
    internal const nuint TUNSETPERSIST = 0x400454cb;
    internal const nuint TUNSETOFFLOAD = 0x400454d0;
    internal const nuint TUNGETIFF = 0x800454d2;
    internal const nuint TUNSETVNETHDRSZ = 0x400454d8;
    internal const nuint TUNGETDEVNETNS = 0x54e3;

    /// <summary>The name, and of the union behind it the members that are used.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    internal struct ifreq
    {
        [FieldOffset(0)] public fixed byte ifr_name[IFNAMSIZ];
        [FieldOffset(16)] public short ifr_flags;
        [FieldOffset(16)] public int ifr_ifindex;
        [FieldOffset(16)] public int ifr_mtu;
        [FieldOffset(16)] public ushort sa_family;
        [FieldOffset(18)] public fixed byte sa_data[14];
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct sockaddr_ll
    {
        public ushort sll_family;
        public ushort sll_protocol;
        public int sll_ifindex;
        public ushort sll_hatype;
        public byte sll_pkttype;
        public byte sll_halen;
        public fixed byte sll_addr[8];
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct packet_mreq
    {
        public int mr_ifindex;
        public ushort mr_type;
        public ushort mr_alen;
        public fixed byte mr_address[8];
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct tpacket_req
    {
        public uint tp_block_size;
        public uint tp_block_nr;
        public uint tp_frame_size;
        public uint tp_frame_nr;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct tpacket2_hdr
    {
        public uint tp_status;
        public uint tp_len;
        public uint tp_snaplen;
        public ushort tp_mac;
        public ushort tp_net;
        public uint tp_sec;
        public uint tp_nsec;
        public ushort tp_vlan_tci;
        public ushort tp_vlan_tpid;
        public uint tp_padding;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct tpacket_stats
    {
        public uint tp_packets;
        public uint tp_drops;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct name_index
    {
        public uint if_index;
        public byte* if_name;
    }

    [LibraryImport("libc")] internal static partial nint writev(int fd, IoPiece* iov, int iovcnt);
    [LibraryImport("libc")] internal static partial int sendmmsg(int fd, IoMessage* msgs, uint count, int flags);
    [LibraryImport("libc", SetLastError = true)] internal static partial int setsockopt(int fd, int level, int optname, void* optval, uint optlen);
    [LibraryImport("libc", SetLastError = true)] internal static partial int setns(int fd, int nstype);
    [LibraryImport("libc", SetLastError = true)] internal static partial name_index* if_nameindex();
    [LibraryImport("libc")] internal static partial void if_freenameindex(name_index* list);
}
