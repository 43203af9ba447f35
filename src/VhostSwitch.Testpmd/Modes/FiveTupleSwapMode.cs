using System.Runtime.CompilerServices;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.Testpmd.Forwarding;

namespace VhostSwitch.Testpmd.Modes;

/// <summary>Sends on what arrives with source and destination exchanged: Ethernet, IPv4 or IPv6, TCP or UDP. No checksum changes by that.</summary>
internal sealed unsafe class FiveTupleSwapMode : CopyingMode
{
    private const int IPv4SourcePlace = 12, IPv6SourcePlace = 8;

    /// <inheritdoc/>
    public override string Name => "5tswap";

    /// <inheritdoc/>
    public override string Summary => "sends frames on with source and destination exchanged: Ethernet, IP, TCP and UDP";

    /// <inheritdoc/>
    protected override bool Change(FrameStream stream, Frame* frame)
    {
        byte* data = frame->Data;
        Addresses.Exchange(data);
        var headers = PacketHeaders.Read(new ReadOnlySpan<byte>(data, (int)Math.Min(frame->Length, OffloadFinisher.MaxHeaderLength)), frame->Length);
        if (headers.Kind is not (PacketKind.Tcp or PacketKind.Udp)) return true;
        if (headers.IsIPv6) Exchange<UInt128>(data + headers.Network + IPv6SourcePlace);
        else Exchange<uint>(data + headers.Network + IPv4SourcePlace);
        Exchange<ushort>(data + headers.Transport);
        return true;
    }

    private static void Exchange<T>(byte* at)
        where T : unmanaged
    {
        T first = Unsafe.ReadUnaligned<T>(at);
        Unsafe.CopyBlockUnaligned(at, at + sizeof(T), (uint)sizeof(T));
        Unsafe.WriteUnaligned(at + sizeof(T), first);
    }
}
