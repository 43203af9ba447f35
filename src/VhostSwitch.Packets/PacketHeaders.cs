using System.Buffers.Binary;

namespace VhostSwitch.Packets;

/// <summary>What the headers of a frame turned out to be.</summary>
public enum PacketKind : byte
{
    /// <summary>Headers that contradict themselves or the frame, or go on behind the bytes that were looked at.</summary>
    Malformed,

    /// <summary>Something else than the rest: no IP, another protocol, a fragment.</summary>
    Other,

    /// <summary>A whole TCP segment over IPv4 or IPv6.</summary>
    Tcp,

    /// <summary>A whole UDP datagram over IPv4 or IPv6.</summary>
    Udp,
}

/// <summary>
/// Where the headers of a frame are: Ethernet with up to two tags, IPv4 with options, IPv6 with extension headers, TCP, UDP. All offsets are
/// bytes from the start of the frame and lie within the bytes that were looked at, whatever those say.
/// </summary>
public unsafe struct PacketHeaders
{
    /// <summary>The number of TCP in the protocol field (RFC 9293).</summary>
    public const byte TcpProtocol = 6;

    /// <summary>The number of UDP in the protocol field (RFC 768).</summary>
    public const byte UdpProtocol = 17;

    /// <summary>The number of IPv6's fragment header (RFC 8200, 4.5).</summary>
    public const byte FragmentProtocol = 44;

    /// <summary>Length in bytes of an IPv4 header without options.</summary>
    public const int IPv4Length = 20;

    /// <summary>Length in bytes of an IPv6 header.</summary>
    public const int IPv6Length = 40;

    /// <summary>Length in bytes of a TCP header without options.</summary>
    public const int TcpLength = 20;

    /// <summary>Length in bytes of a UDP header.</summary>
    public const int UdpLength = 8;

    /// <summary>Where the checksum lies in a TCP header.</summary>
    public const int TcpChecksumOffset = 16;

    /// <summary>Where the checksum lies in a UDP header.</summary>
    public const int UdpChecksumOffset = 6;

    private const ushort IPv4Type = 0x0800, IPv6Type = 0x86dd, ServiceTagType = 0x88a8;
    private const int TagLength = 4, MaxTags = 2;
    private const byte HopByHopProtocol = 0, DestinationProtocol = 60;

    /// <summary>What it is.</summary>
    public PacketKind Kind { get; private set; }

    /// <summary>True for IPv6, where <see cref="Kind"/> is TCP or UDP; else IPv4.</summary>
    public bool IsIPv6 { get; private set; }

    /// <summary>Where the IP header begins.</summary>
    public int Network { get; private set; }

    /// <summary>The length of the IP packet in bytes, as its header gives it; 0 where the sender left it open (large segments of Windows).</summary>
    public int NetworkLength { get; private set; }

    /// <summary>Where the number lies that names the transport.</summary>
    public int ProtocolPlace { get; private set; }

    /// <summary>Where the transport's header begins. Where <see cref="Kind"/> is another one: where what was understood ends.</summary>
    public int Transport { get; private set; }

    /// <summary>Where the payload begins.</summary>
    public int Payload { get; private set; }

    /// <summary>Reads the headers of a frame.</summary>
    /// <param name="bytes">The frame's first bytes, as many as there are or as the caller looks at. They must not change meanwhile: a copy.</param>
    /// <param name="frameLength">The length of the whole frame in bytes.</param>
    public static PacketHeaders Read(ReadOnlySpan<byte> bytes, uint frameLength)
    {
        if ((uint)bytes.Length > frameLength) bytes = bytes[..(int)frameLength];
        var headers = new PacketHeaders();
        headers.Kind = headers.ReadLink(bytes, frameLength);
        return headers;
    }

    /// <summary>The sum of what TCP and UDP add to their checksum: addresses, protocol, length (RFC 9293, 3.1; RFC 8200, 8.1).</summary>
    /// <param name="bytes">The bytes these headers were read from; TCP or UDP.</param>
    /// <param name="transportLength">The length of the transport's header and payload in bytes.</param>
    public readonly InternetChecksum PseudoHeader(byte* bytes, uint transportLength)
    {
        const int IPv4Addresses = 12, IPv4AddressesLength = 8, IPv6Addresses = 8, IPv6AddressesLength = 32;
        var sum = default(InternetChecksum);
        if (IsIPv6) sum.Add(bytes + Network + IPv6Addresses, IPv6AddressesLength);
        else sum.Add(bytes + Network + IPv4Addresses, IPv4AddressesLength);
        sum.AddNumber(Kind == PacketKind.Tcp ? TcpProtocol : UdpProtocol);
        sum.AddNumber((ushort)transportLength);
        sum.AddNumber((ushort)(transportLength >> 16));
        return sum;
    }

    private PacketKind ReadLink(ReadOnlySpan<byte> bytes, uint frameLength)
    {
        int at = Ethernet.HeaderLength;
        for (int tags = 0; ; tags++, at += TagLength)
        {
            Transport = Math.Min(at, bytes.Length);
            if (bytes.Length < at) return PacketKind.Malformed;
            ushort type = Number(bytes, at - sizeof(ushort));
            Network = at;
            switch (type)
            {
                case IPv4Type: return ReadIPv4(bytes, frameLength);
                case IPv6Type: return ReadIPv6(bytes, frameLength);
                case Ethernet.VlanType or ServiceTagType when tags < MaxTags: continue;
                default: return PacketKind.Other;
            }
        }
    }

    private PacketKind ReadIPv4(ReadOnlySpan<byte> bytes, uint frameLength)
    {
        const int LengthPlace = 2, FragmentPlace = 6, ProtocolPlaceInHeader = 9;
        const ushort MoreFragmentsAndOffset = 0x3fff;
        if (bytes.Length - Network < IPv4Length || bytes[Network] >> 4 != 4) return PacketKind.Malformed;
        int headerLength = (bytes[Network] & 0xf) * sizeof(uint);
        NetworkLength = Number(bytes, Network + LengthPlace);
        if (headerLength < IPv4Length || bytes.Length - Network < headerLength) return PacketKind.Malformed;
        if (NetworkLength != 0 && (NetworkLength < headerLength || NetworkLength > frameLength - (uint)Network)) return PacketKind.Malformed;
        Transport = Network + headerLength;
        ProtocolPlace = Network + ProtocolPlaceInHeader;
        if ((Number(bytes, Network + FragmentPlace) & MoreFragmentsAndOffset) != 0) return PacketKind.Other;
        return ReadTransport(bytes, frameLength, bytes[ProtocolPlace]);
    }

    private PacketKind ReadIPv6(ReadOnlySpan<byte> bytes, uint frameLength)
    {
        const int LengthPlace = 4, NextPlace = 6, ExtensionUnit = 8;
        if (bytes.Length - Network < IPv6Length || bytes[Network] >> 4 != 6) return PacketKind.Malformed;
        IsIPv6 = true;
        int length = Number(bytes, Network + LengthPlace);
        NetworkLength = length == 0 ? 0 : IPv6Length + length;
        if (NetworkLength > frameLength - (uint)Network) return PacketKind.Malformed;
        Transport = Network + IPv6Length;
        ProtocolPlace = Network + NextPlace;
        byte protocol = bytes[ProtocolPlace];
        // A routing header would change the destination that checksums are made with: that is left to who understands it.
        while (protocol is HopByHopProtocol or DestinationProtocol)
        {
            if (bytes.Length - Transport < ExtensionUnit) return PacketKind.Malformed;
            int extension = (bytes[Transport + 1] + 1) * ExtensionUnit;
            if (bytes.Length - Transport < extension || !Holds(Transport + extension)) return PacketKind.Malformed;
            ProtocolPlace = Transport;
            protocol = bytes[Transport];
            Transport += extension;
        }
        return ReadTransport(bytes, frameLength, protocol);
    }

    private PacketKind ReadTransport(ReadOnlySpan<byte> bytes, uint frameLength, byte protocol)
    {
        const int DataOffsetPlace = 12;
        if (protocol is not (TcpProtocol or UdpProtocol)) return PacketKind.Other;
        int least = protocol == TcpProtocol ? TcpLength : UdpLength;
        if (bytes.Length - Transport < least || frameLength - (uint)Transport < least) return PacketKind.Malformed;
        int headerLength = protocol == TcpProtocol ? (bytes[Transport + DataOffsetPlace] >> 4) * sizeof(uint) : UdpLength;
        if (headerLength < least || bytes.Length - Transport < headerLength || !Holds(Transport + headerLength)) return PacketKind.Malformed;
        Payload = Transport + headerLength;
        return protocol == TcpProtocol ? PacketKind.Tcp : PacketKind.Udp;
    }

    // True where the IP packet, by its own length, reaches so far.
    private readonly bool Holds(int end) => NetworkLength == 0 || end <= Network + NetworkLength;

    private static ushort Number(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);
}
