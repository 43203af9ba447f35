using System.Buffers.Binary;
using System.Net;
using VhostSwitch.Dataplane;

namespace VhostSwitch.TestContent;

/// <summary>Frames to forward, built and checked without the code under test: checksums word by word as RFC 1071 says.</summary>
internal static class Frames
{
    public static readonly byte[] Destination = Convert.FromHexString("0a0000000002"), Source = Convert.FromHexString("0a0000000001");
    public static readonly IPAddress From = IPAddress.Parse("192.0.2.1"), To = IPAddress.Parse("192.0.2.2");

    public static byte[][] Many(int count) => [.. Enumerable.Range(0, count).Select(i => Udp(payload: 18 + i))];

    public static byte[] Udp(int payload = 18, bool ipv6 = false) => Transport(17, 8, payload, ipv6, header =>
    {
        BinaryPrimitives.WriteUInt16BigEndian(header, 1111);
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], 2222);
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)(8 + payload));
    });

    public static byte[] Tcp(int payload = 20, bool ipv6 = false) => Transport(6, 20, payload, ipv6, header =>
    {
        BinaryPrimitives.WriteUInt16BigEndian(header, 1111);
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], 2222);
        header[12] = 0x50;
        header[13] = 0x10;
    });

    /// <summary>An ICMP echo request.</summary>
    public static byte[] Ping(int payload = 48)
    {
        byte[] frame = Transport(1, 8, payload, ipv6: false, header => header[0] = 8);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), Sum(frame.AsSpan(34), 0));
        return frame;
    }

    public static byte[] ArpRequest() =>
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, .. Source, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, .. Source, .. From.GetAddressBytes(), 0, 0, 0, 0, 0, 0,
            .. To.GetAddressBytes()];

    /// <summary>What a sender says of a large segment.</summary>
    public static OffloadFields Segments(int size) => new()
    {
        Flags = OffloadFields.NeedsCsum, GsoType = OffloadFields.GsoTcpV4, HdrLen = 54, GsoSize = (ushort)size, CsumStart = 34, CsumOffset = 16,
    };

    /// <summary>True where the checksums of IPv4 and of TCP or UDP are right.</summary>
    public static bool ChecksumsAreRight(byte[] frame)
    {
        bool ipv6 = frame[12] == 0x86;
        return (ipv6 || Sum(frame.AsSpan(14, 20), 0) == 0) && TransportSum(frame) == 0;
    }

    /// <summary>Makes a checksum of TCP or UDP right.</summary>
    public static void Finish(byte[] frame)
    {
        int place = ChecksumPlace(frame);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(place), 0);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(place), TransportSum(frame));
    }

    /// <summary>Where the checksum of TCP or UDP lies.</summary>
    public static int ChecksumPlace(byte[] frame)
    {
        bool ipv6 = frame[12] == 0x86;
        bool tcp = frame[ipv6 ? 20 : 23] == 6;
        return (ipv6 ? 54 : 34) + (tcp ? 16 : 6);
    }

    private static ushort TransportSum(byte[] frame)
    {
        bool ipv6 = frame[12] == 0x86;
        int start = ipv6 ? 54 : 34;
        uint pseudo = (uint)(frame[ipv6 ? 20 : 23] + frame.Length - start);
        ReadOnlySpan<byte> addresses = ipv6 ? frame.AsSpan(22, 32) : frame.AsSpan(26, 8);
        for (int i = 0; i < addresses.Length; i += 2)
            pseudo += BinaryPrimitives.ReadUInt16BigEndian(addresses[i..]);
        return Sum(frame.AsSpan(start), pseudo);
    }

    private static ushort Sum(ReadOnlySpan<byte> bytes, uint sum)
    {
        for (int i = 0; i < bytes.Length; i++)
            sum += i % 2 == 0 ? (uint)bytes[i] << 8 : bytes[i];
        while (sum > 0xffff)
            sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~sum;
    }

    private delegate void Writer(Span<byte> header);

    private static byte[] Transport(byte protocol, int headerLength, int payload, bool ipv6, Writer write)
    {
        int start = ipv6 ? 54 : 34;
        byte[] frame = new byte[start + headerLength + payload];
        Destination.CopyTo(frame, 0);
        Source.CopyTo(frame, 6);
        var ip = frame.AsSpan(14);
        if (ipv6)
        {
            (frame[12], frame[13], ip[0], ip[6], ip[7]) = (0x86, 0xdd, 0x60, protocol, 64);
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)(headerLength + payload));
            IPAddress.Parse("2001:db8::1").GetAddressBytes().CopyTo(ip[8..]);
            IPAddress.Parse("2001:db8::2").GetAddressBytes().CopyTo(ip[24..]);
        }
        else
        {
            (frame[12], ip[0], ip[8], ip[9]) = (8, 0x45, 64, protocol);
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(20 + headerLength + payload));
            From.GetAddressBytes().CopyTo(ip[12..]);
            To.GetAddressBytes().CopyTo(ip[16..]);
            BinaryPrimitives.WriteUInt16BigEndian(ip[10..], Sum(ip[..20], 0));
        }
        write(frame.AsSpan(start));
        for (int i = 0; i < payload; i++)
            frame[start + headerLength + i] = (byte)(i * 7);
        if (protocol is 6 or 17) Finish(frame);
        return frame;
    }
}
