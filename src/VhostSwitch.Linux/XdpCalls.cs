using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>The calls into the C library that AF_XDP sockets need, by their own names, with the kernel's numbers for them.</summary>
internal static unsafe partial class XdpCalls
{
    internal const int SOL_XDP = 283;
    internal const int XDP_STATISTICS = 7;
    internal const int XDP_OPTIONS = 8;
    internal const uint XDP_OPTIONS_ZEROCOPY = 1;
    internal const ushort XDP_COPY = 2;
    internal const ushort XDP_ZEROCOPY = 4;
    internal const ushort XDP_USE_NEED_WAKEUP = 8;
    internal const uint XDP_RING_NEED_WAKEUP = 1;
    internal const int SO_BUSY_POLL = 46;
    internal const int SO_PREFER_BUSY_POLL = 69;
    internal const int SO_BUSY_POLL_BUDGET = 70;

    [StructLayout(LayoutKind.Sequential)]
    internal struct xdp_statistics
    {
        public ulong rx_dropped;
        public ulong rx_invalid_descs;
        public ulong tx_invalid_descs;
        public ulong rx_ring_full;
        public ulong rx_fill_ring_empty_descs;
        public ulong tx_ring_empty_descs;
    }

    [LibraryImport("libc")] internal static partial nint sendto(int fd, void* buf, nuint len, int flags, void* addr, uint addrlen);
    [LibraryImport("libc")] internal static partial nint recvfrom(int fd, void* buf, nuint len, int flags, void* addr, uint* addrlen);
}
