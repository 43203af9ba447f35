using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VhostSwitch.Packets;

namespace VhostSwitch.Testpmd.Modes;

/// <summary>Writes the headers of the frames that txonly and flowgen send: Ethernet, IPv4, UDP without a checksum.</summary>
internal static unsafe class UdpFrame
{
    /// <summary>Length in bytes of the headers.</summary>
    public const int HeaderLength = Ethernet.HeaderLength + PacketHeaders.IPv4Length + PacketHeaders.UdpLength;

    private const ushort IPv4Type = 0x0800;
    private const byte VersionAndLength = 0x45, TimeToLive = 64;
    private const int TypePlace = 12, LengthPlace = 2, TtlPlace = 8, ProtocolPlace = 9, ChecksumPlace = 10, SourcePlace = 12, DestinationPlace = 16;
    private const int DestinationPortPlace = 2, UdpLengthPlace = 4;

    /// <summary>Writes the headers into zeroed memory.</summary>
    /// <param name="data">The frame's first byte.</param>
    /// <param name="length">The frame's length in bytes.</param>
    /// <param name="destinationMac">Whom it is for.</param>
    /// <param name="sourceMac">Whom it is from.</param>
    /// <param name="source">The source address.</param>
    /// <param name="destination">The destination address.</param>
    /// <param name="sourcePort">The source port.</param>
    /// <param name="destinationPort">The destination port.</param>
    public static void Write(
        byte* data, int length, MacAddress destinationMac, MacAddress sourceMac, uint source, uint destination,
        ushort sourcePort, ushort destinationPort)
    {
        Addresses.Write(data, destinationMac, sourceMac);
        Put(data + TypePlace, IPv4Type);
        byte* ip = data + Ethernet.HeaderLength, udp = ip + PacketHeaders.IPv4Length;
        ip[0] = VersionAndLength;
        Put(ip + LengthPlace, (ushort)(length - Ethernet.HeaderLength));
        ip[TtlPlace] = TimeToLive;
        ip[ProtocolPlace] = PacketHeaders.UdpProtocol;
        Unsafe.WriteUnaligned(ip + SourcePlace, BinaryPrimitives.ReverseEndianness(source));
        Unsafe.WriteUnaligned(ip + DestinationPlace, BinaryPrimitives.ReverseEndianness(destination));
        var sum = default(InternetChecksum);
        sum.Add(ip, PacketHeaders.IPv4Length);
        Unsafe.WriteUnaligned(ip + ChecksumPlace, sum.Value);
        Put(udp, sourcePort);
        Put(udp + DestinationPortPlace, destinationPort);
        Put(udp + UdpLengthPlace, (ushort)(length - Ethernet.HeaderLength - PacketHeaders.IPv4Length));
    }

    private static void Put(byte* at, ushort number) => Unsafe.WriteUnaligned(at, BinaryPrimitives.ReverseEndianness(number));
}
