using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.Testpmd.Forwarding;

namespace VhostSwitch.Testpmd.Modes;

/// <summary>
/// Sends frames on with new checksums: of IPv4 always computed here, of TCP and UDP computed here or left to the port that sends, which may also
/// be told to cut TCP segments.
/// </summary>
internal sealed unsafe class ChecksumMode : CopyingMode
{
    private const ushort IPv4Type = 0x0800;
    private const int ChecksumPlace = 10, UdpLengthPlace = 4;

    /// <inheritdoc/>
    public override string Name => "csum";

    /// <inheritdoc/>
    public override string Summary => "sends frames on with new checksums (csum set, tso set)";

    /// <inheritdoc/>
    protected override bool Change(FrameStream stream, Frame* frame)
    {
        byte* data = frame->Data;
        var (rx, tx) = (stream.RxPort.Checksums, stream.TxPort.Checksums);
        if (tx.RewritesAddresses) Addresses.Write(data, stream.TxPort.Peer, stream.TxPort.Address);
        var headers = PacketHeaders.Read(new ReadOnlySpan<byte>(data, (int)Math.Min(frame->Length, OffloadFinisher.MaxHeaderLength)), frame->Length);
        if (IsIPv4(data, headers)) ChangeNetwork(stream, data, headers, rx.ChecksNetwork);
        if (headers.Kind is PacketKind.Tcp or PacketKind.Udp && headers.NetworkLength != 0) ChangeTransport(stream, frame, headers, rx, tx);
        return true;
    }

    private static bool IsIPv4(byte* data, in PacketHeaders headers) =>
        headers is { Kind: not PacketKind.Malformed, IsIPv6: false } && headers.Transport - headers.Network >= PacketHeaders.IPv4Length
        && BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(data + headers.Network - sizeof(ushort))) == IPv4Type;

    private static void ChangeNetwork(FrameStream stream, byte* data, in PacketHeaders headers, bool checks)
    {
        byte* ip = data + headers.Network;
        ushort there = Unsafe.ReadUnaligned<ushort>(ip + ChecksumPlace);
        Unsafe.WriteUnaligned(ip + ChecksumPlace, (ushort)0);
        var sum = default(InternetChecksum);
        sum.Add(ip, (uint)(headers.Transport - headers.Network));
        if (checks && there != sum.Value) stream.Counters.BadNetwork++;
        Unsafe.WriteUnaligned(ip + ChecksumPlace, sum.Value);
    }

    private static void ChangeTransport(FrameStream stream, Frame* frame, in PacketHeaders headers, ChecksumSettings rx, ChecksumSettings tx)
    {
        bool tcp = headers.Kind == PacketKind.Tcp;
        byte* transport = frame->Data + headers.Transport;
        byte* place = transport + (tcp ? PacketHeaders.TcpChecksumOffset : PacketHeaders.UdpChecksumOffset);
        uint length = (uint)(headers.Network + headers.NetworkLength - headers.Transport);
        if (!tcp && BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(transport + UdpLengthPlace)) != length) return;
        ushort there = Unsafe.ReadUnaligned<ushort>(place);
        bool finished = (frame->Offload.Flags & OffloadFields.NeedsCsum) == 0;
        // A datagram without a checksum stays one (RFC 768).
        if (!tcp && there == 0 && finished) return;
        var pseudo = headers.PseudoHeader(frame->Data, length);
        Unsafe.WriteUnaligned(place, (ushort)0);
        bool checks = finished && (tcp ? rx.ChecksTcp : rx.ChecksUdp);
        bool byPort = frame->Offload.GsoType != OffloadFields.GsoNone || (tcp ? tx.TcpByPort : tx.UdpByPort);
        if (checks || !byPort)
        {
            var sum = pseudo;
            sum.Add(transport, length);
            ushort value = tcp ? sum.Value : sum.NonZeroValue;
            if (checks && there != value) stream.Counters.BadTransport++;
            Unsafe.WriteUnaligned(place, value);
            if (!byPort) frame->Offload = default;
        }
        if (!byPort && !Cuts(frame, headers, tcp, tx)) return;
        Unsafe.WriteUnaligned(place, pseudo.Partial);
        frame->Offload.Flags = OffloadFields.NeedsCsum;
        frame->Offload.CsumStart = (ushort)headers.Transport;
        frame->Offload.CsumOffset = (ushort)(place - transport);
        if (!Cuts(frame, headers, tcp, tx)) return;
        frame->Offload.GsoType = headers.IsIPv6 ? OffloadFields.GsoTcpV6 : OffloadFields.GsoTcpV4;
        frame->Offload.HdrLen = (ushort)headers.Payload;
        frame->Offload.GsoSize = tx.SegmentSize;
    }

    // Segments that arrive merged keep their size, unless another one was asked for.
    private static bool Cuts(Frame* frame, in PacketHeaders headers, bool tcp, ChecksumSettings tx) =>
        tcp && tx.SegmentSize != 0 && frame->Length - (uint)headers.Payload > tx.SegmentSize;
}
