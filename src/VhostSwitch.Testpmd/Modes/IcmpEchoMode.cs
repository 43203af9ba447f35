using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.Testpmd.Forwarding;

namespace VhostSwitch.Testpmd.Modes;

/// <summary>Answers ARP requests (RFC 826) and ICMP echo requests (RFC 792) for whatever address, and forgets everything else.</summary>
internal sealed unsafe class IcmpEchoMode : CopyingMode
{
    private const ushort ArpType = 0x0806, IPv4Type = 0x0800;
    private const int TypePlace = 12, TagLength = 4;

    // ARP over Ethernet for IPv4, from the start of its packet.
    private const int ArpLength = 28, OperationPlace = 6, SenderPlace = 8, TargetPlace = 18, MacLength = 6, AddressLength = 4;
    private const ushort Request = 1, Reply = 2;

    // IPv4, from the start of its header.
    private const int FragmentPlace = 6, ProtocolPlace = 9, SourcePlace = 12, DestinationPlace = 16;
    private const ushort FragmentBits = 0x3fff;

    // ICMP.
    private const byte IcmpProtocol = 1, EchoRequest = 8, EchoReply = 0;
    private const int IcmpLength = 8, IcmpChecksumPlace = 2;

    // The first byte of IPv4 group addresses and above.
    private const byte FirstGroup = 224;

    /// <inheritdoc/>
    public override string Name => "icmpecho";

    /// <inheritdoc/>
    public override string Summary => "answers ARP requests and pings, and forgets everything else";

    /// <inheritdoc/>
    public override bool Answers => true;

    /// <inheritdoc/>
    protected override bool Change(FrameStream stream, Frame* frame)
    {
        byte* data = frame->Data;
        int network = Ethernet.HeaderLength;
        ushort type = Number(data + TypePlace);
        if (type == Ethernet.VlanType)
        {
            type = Number(data + TypePlace + TagLength);
            network += TagLength;
        }
        uint left = frame->Length > (uint)network ? frame->Length - (uint)network : 0;
        return type switch
        {
            ArpType when left >= ArpLength => AnswerArp(stream, data, data + network),
            IPv4Type when left >= PacketHeaders.IPv4Length => AnswerEcho(frame, data + network, left),
            _ => false,
        };
    }

    private static bool AnswerArp(FrameStream stream, byte* data, byte* arp)
    {
        // Hardware Ethernet, protocol IPv4, the lengths of their addresses, a request.
        ReadOnlySpan<byte> request = [0, 1, 8, 0, MacLength, AddressLength, 0, (byte)Request];
        if (!new ReadOnlySpan<byte>(arp, request.Length).SequenceEqual(request)) return false;
        var own = stream.TxPort.Address;
        var asked = stackalloc byte[AddressLength];
        Unsafe.CopyBlockUnaligned(asked, arp + TargetPlace + MacLength, AddressLength);
        Write(arp + OperationPlace, Reply);
        Unsafe.CopyBlockUnaligned(arp + TargetPlace, arp + SenderPlace, MacLength + AddressLength);
        Unsafe.CopyBlockUnaligned(arp + SenderPlace, (byte*)&own, MacLength);
        Unsafe.CopyBlockUnaligned(arp + SenderPlace + MacLength, asked, AddressLength);
        Addresses.Exchange(data);
        Unsafe.CopyBlockUnaligned(data + MacLength, (byte*)&own, MacLength);
        return true;
    }

    private static bool AnswerEcho(Frame* frame, byte* ip, uint left)
    {
        uint headerLength = (uint)(ip[0] & 0xf) * sizeof(uint);
        bool whole = (Number(ip + FragmentPlace) & FragmentBits) == 0;
        if (ip[0] >> 4 != 4 || headerLength < PacketHeaders.IPv4Length || ip[ProtocolPlace] != IcmpProtocol || !whole) return false;
        if (left < headerLength + IcmpLength || ip[DestinationPlace] >= FirstGroup || ip[SourcePlace] >= FirstGroup) return false;
        byte* icmp = ip + headerLength;
        if (icmp[0] != EchoRequest || icmp[1] != 0) return false;
        Addresses.Exchange(frame->Data);
        uint source = Unsafe.ReadUnaligned<uint>(ip + SourcePlace);
        Unsafe.CopyBlockUnaligned(ip + SourcePlace, ip + DestinationPlace, AddressLength);
        Unsafe.WriteUnaligned(ip + DestinationPlace, source);
        icmp[0] = EchoReply;
        // The sum of all words is less by the type that went (RFC 1624).
        uint sum = (uint)Number(icmp + IcmpChecksumPlace) + (EchoRequest << 8);
        Write(icmp + IcmpChecksumPlace, (ushort)(sum + (sum >> 16)));
        return true;
    }

    private static ushort Number(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(at));

    private static void Write(byte* at, ushort number) => Unsafe.WriteUnaligned(at, BinaryPrimitives.ReverseEndianness(number));
}
