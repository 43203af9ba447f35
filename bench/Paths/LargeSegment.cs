using VhostSwitch.Packets;
using VhostSwitch.Virtio;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// The headers of a TCP segment over IPv4 that is too large for the wire, its checksum and division left to the receiver (VIRTIO 1.2, 5.1.6.2).
/// </summary>
internal static unsafe class LargeSegment
{
    /// <summary>Ethernet's type of IPv4, as it loads.</summary>
    public const ulong Type = 0x0008;

    /// <summary>Bytes before the payload.</summary>
    public const int HeadersLength = TcpOffset + TcpLength;

    private const int IpOffset = Ethernet.HeaderLength, IpLength = 20, TcpOffset = IpOffset + IpLength, TcpLength = 20;
    private const int TcpChecksumOffset = 16, SegmentLength = 1448;
    private const byte TcpProtocol = 6, TimeToLive = 64, FourAndFiveWords = 0x45, FiveWords = 5 << 4, Acknowledges = 0x10;

    // 10.0.0.1, 10.0.0.2, and the discard port.
    private const uint From = 0x0100_000A, To = 0x0200_000A;
    private const ushort Port = 0x0900;

    /// <summary>Writes them behind the Ethernet header.</summary>
    /// <param name="frame">The frame's first byte.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="header">The network header before it.</param>
    public static void Write(byte* frame, int length, NetHeader* header)
    {
        byte* ip = frame + IpOffset;
        new Span<byte>(ip, IpLength + TcpLength).Clear();
        ip[0] = FourAndFiveWords;
        int total = length - IpOffset;
        ip[2] = (byte)(total >> 8);
        ip[3] = (byte)total;
        ip[8] = TimeToLive;
        ip[9] = TcpProtocol;
        *(uint*)(ip + 12) = From;
        *(uint*)(ip + 16) = To;
        InternetChecksum checksum = default;
        checksum.Add(ip, IpLength);
        *(ushort*)(ip + 10) = checksum.Value;
        byte* tcp = frame + TcpOffset;
        *(ushort*)tcp = Port;
        *(ushort*)(tcp + 2) = Port;
        tcp[12] = FiveWords;
        tcp[13] = Acknowledges;
        *header = new NetHeader
        {
            Flags = NetHeader.NeedsCsum, GsoType = NetHeader.GsoTcpV4, HdrLen = HeadersLength, GsoSize = SegmentLength,
            CsumStart = TcpOffset, CsumOffset = TcpChecksumOffset,
        };
    }

    /// <summary>Whether a received frame is still one large segment with its checksum to be finished.</summary>
    public static bool IsWhole(NetHeader* header) =>
        (header->Flags & NetHeader.NeedsCsum) != 0 && header->GsoType == NetHeader.GsoTcpV4 && header->GsoSize == SegmentLength;
}
