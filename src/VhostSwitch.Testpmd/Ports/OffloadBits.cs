namespace VhostSwitch.Testpmd.Ports;

/// <summary>
/// The offloads that <c>--tx-offloads</c>, <c>--rx-offloads</c> and <c>port config N rx_offload</c> name, by DPDK's bits and names. Every port has
/// those that are listed: what its device does not do is done here before frames are sent.
/// </summary>
internal static class OffloadBits
{
    /// <summary>Checksums of IPv4 in frames that leave.</summary>
    public const ulong TxIpChecksum = 0x2;

    /// <summary>Checksums of UDP in frames that leave.</summary>
    public const ulong TxUdpChecksum = 0x4;

    /// <summary>Checksums of TCP in frames that leave.</summary>
    public const ulong TxTcpChecksum = 0x8;

    /// <summary>Checksums of IPv4 in frames that arrive.</summary>
    public const ulong RxIpChecksum = 0x2;

    /// <summary>Checksums of UDP in frames that arrive.</summary>
    public const ulong RxUdpChecksum = 0x4;

    /// <summary>Checksums of TCP in frames that arrive.</summary>
    public const ulong RxTcpChecksum = 0x8;

    /// <summary>TCP segments that arrive merged.</summary>
    public const ulong RxLro = 0x10;

    /// <summary>Frames that arrive in pieces.</summary>
    public const ulong RxScatter = 0x2000;

    private static readonly (string Name, ulong Bit)[] Tx =
    [
        ("ipv4_cksum", TxIpChecksum), ("udp_cksum", TxUdpChecksum), ("tcp_cksum", TxTcpChecksum), ("tcp_tso", 0x20), ("multi_segs", 0x8000),
        ("mbuf_fast_free", 0x10000),
    ];

    private static readonly (string Name, ulong Bit)[] Rx =
    [
        ("ipv4_cksum", RxIpChecksum), ("udp_cksum", RxUdpChecksum), ("tcp_cksum", RxTcpChecksum), ("tcp_lro", RxLro), ("scatter", RxScatter),
    ];

    /// <summary>The bit of an offload.</summary>
    /// <param name="tx">True for frames that leave.</param>
    /// <param name="name">DPDK's name.</param>
    /// <exception cref="TestpmdException">No port has it.</exception>
    public static ulong Find(bool tx, string name)
    {
        var known = tx ? Tx : Rx;
        foreach (var offload in known)
        {
            if (offload.Name == name) return offload.Bit;
        }
        throw new TestpmdException($"{Kind(tx)} offload {name} is not built: there are {string.Join(", ", known.Select(o => o.Name))}");
    }

    /// <summary>Refuses a mask with offloads that no port has.</summary>
    /// <param name="tx">True for frames that leave.</param>
    /// <param name="mask">The mask.</param>
    /// <exception cref="TestpmdException">No port has one of them.</exception>
    public static void Check(bool tx, ulong mask)
    {
        ulong unknown = mask & ~(tx ? Tx : Rx).Aggregate(0UL, (all, offload) => all | offload.Bit);
        if (unknown == 0) return;
        string known = string.Join(", ", (tx ? Tx : Rx).Select(o => $"0x{o.Bit:x} {o.Name}"));
        throw new TestpmdException($"{Kind(tx)} offloads 0x{unknown:x} of 0x{mask:x} are not built: there are {known}");
    }

    /// <summary>The names of the offloads in a mask.</summary>
    /// <param name="tx">True for frames that leave.</param>
    /// <param name="mask">The mask.</param>
    public static IEnumerable<string> Names(bool tx, ulong mask) => (tx ? Tx : Rx).Where(o => (mask & o.Bit) != 0).Select(o => o.Name);

    private static string Kind(bool tx) => tx ? "Tx" : "Rx";
}
