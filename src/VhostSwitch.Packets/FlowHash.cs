using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace VhostSwitch.Packets;

/// <summary>
/// A number that all frames of a flow have in common: of TCP and UDP the addresses and ports, of other IP packets and of fragments the
/// addresses, of anything else the Ethernet addresses.
/// </summary>
public static unsafe class FlowHash
{
    private const ushort IPv4Type = 0x0800, IPv6Type = 0x86dd;
    private const int TypePlace = 12, TagLength = 4, PortsLength = 4;

    /// <summary>Hashes a frame.</summary>
    /// <param name="snapshot">Its first 16 bytes.</param>
    /// <param name="data">The frame from its first byte. May change while it is read: any number will do for such a frame.</param>
    /// <param name="length">How many bytes follow each other there.</param>
    public static uint Of(Vector128<byte> snapshot, byte* data, uint length)
    {
        int network = Ethernet.HeaderLength;
        ushort type = Type(snapshot);
        if (type == Ethernet.VlanType && length >= Ethernet.SnapshotLength + sizeof(ushort))
        {
            type = Number(data + TypePlace + TagLength);
            network += TagLength;
        }
        return type switch
        {
            IPv4Type when length >= network + PacketHeaders.IPv4Length => OfIPv4(data + network, length - (uint)network),
            IPv6Type when length >= network + PacketHeaders.IPv6Length => OfIPv6(data + network, length - (uint)network),
            _ => OfAddresses(snapshot),
        };
    }

    private static uint OfIPv4(byte* header, uint length)
    {
        const int FragmentPlace = 6, ProtocolPlace = 9, Addresses = 12;
        const ushort MoreFragmentsAndOffset = 0x3fff;
        uint hash = BitOperations.Crc32C(0, Unsafe.ReadUnaligned<ulong>(header + Addresses));
        uint transport = (uint)(*header & 0xf) * sizeof(uint);
        // The fragments of a datagram have its ports once between them, and must stay together.
        bool whole = (Number(header + FragmentPlace) & MoreFragmentsAndOffset) == 0;
        return whole && HasPorts(header[ProtocolPlace]) && length >= transport + PortsLength
            ? BitOperations.Crc32C(hash, Unsafe.ReadUnaligned<uint>(header + transport))
            : hash;
    }

    private static uint OfIPv6(byte* header, uint length)
    {
        const int NextPlace = 6, Addresses = 8, AddressesLength = 32;
        uint hash = 0;
        for (int i = 0; i < AddressesLength; i += sizeof(ulong))
            hash = BitOperations.Crc32C(hash, Unsafe.ReadUnaligned<ulong>(header + Addresses + i));
        return HasPorts(header[NextPlace]) && length >= PacketHeaders.IPv6Length + PortsLength
            ? BitOperations.Crc32C(hash, Unsafe.ReadUnaligned<uint>(header + PacketHeaders.IPv6Length))
            : hash;
    }

    private static uint OfAddresses(Vector128<byte> snapshot)
    {
        var words = snapshot.AsUInt64();
        return BitOperations.Crc32C(BitOperations.Crc32C(0, words.ToScalar()), (uint)words.GetElement(1));
    }

    private static bool HasPorts(byte protocol) => protocol is PacketHeaders.TcpProtocol or PacketHeaders.UdpProtocol;

    private static ushort Type(Vector128<byte> snapshot) => BinaryPrimitives.ReverseEndianness(snapshot.AsUInt16().GetElement(TypePlace / sizeof(ushort)));

    private static ushort Number(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(at));
}
