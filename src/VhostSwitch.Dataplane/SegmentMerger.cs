using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Packets;

namespace VhostSwitch.Dataplane;

/// <summary>
/// Makes large TCP segments of small ones that follow each other in one burst, for receivers that take them. Nothing waits for a later burst. What
/// is merged is lent on: headers of its own, and the payloads where they lie. One thread uses it; it allocates nothing after it was made.
/// </summary>
/// <remarks>
/// A merged segment is announced as one whose checksum is not finished, so the checksums of its parts are looked at before: they must be right, or
/// not be finished themselves. A sender that changes a payload after that deceives only its own connection.
/// </remarks>
public sealed unsafe class SegmentMerger : IDisposable
{
    // Ethernet with two tags, an IPv6 header and the longest TCP header; what has longer ones is not merged.
    private const int HeadRoom = 128;

    private const byte TcpPush = 0x08, TcpAcknowledge = 0x10;
    private const int PortsLength = 4, SequencePlace = 4, AcknowledgementPlace = 8, FlagsPlace = 13, WindowPlace = 14, WindowLength = 2;

    // Set up once.
    private readonly byte* _heads = (byte*)NativeMemory.AlignedAlloc(Burst.MaxFrames * HeadRoom, HeadRoom);
    private readonly Part* _parts = (Part*)NativeMemory.AlignedAlloc((nuint)(Burst.MaxFrames * sizeof(Part)), 64);
    private readonly Flow* _flows = (Flow*)NativeMemory.AlignedAlloc((nuint)(Burst.MaxFrames * sizeof(Flow)), 64);

    /// <summary>The frames after merging.</summary>
    public Burst Burst { get; } = new();

    /// <summary>Merges what can be.</summary>
    /// <param name="burst">The loan the frames are from.</param>
    /// <param name="which">Positions of frames in it, ascending.</param>
    /// <param name="count">How many.</param>
    /// <param name="takes">What the receiver takes.</param>
    /// <returns>
    /// How many frames there are in <see cref="Burst"/> then; <paramref name="count"/> where nothing was merged, and the burst is not filled.
    /// </returns>
    public int Merge(Burst burst, ushort* which, int count, OffloadKinds takes)
    {
        if ((takes & OffloadKinds.Checksum) == 0 || (takes & (OffloadKinds.Tso4 | OffloadKinds.Tso6)) == 0) return count;
        int flows = 0;
        for (int i = 0; i < count; i++)
        {
            var part = _parts + i;
            *part = default;
            bool whole = Read(burst, burst.Frames + which[i], i, takes);
            if (Join(i, flows, whole)) continue;
            part->Flow = flows;
            _flows[flows++] = new Flow { First = i, Last = i, Parts = 1, IsOpen = part->Extends, Length = part->PayloadLength };
        }
        if (flows == count || !Build(burst, which, count, flows)) return count;
        Burst.Source = burst.Source;
        return Burst.Count = flows;
    }

    /// <summary>Says of the original frames what became of those they were merged into.</summary>
    /// <param name="burst">As it was merged.</param>
    /// <param name="which">As it was merged.</param>
    /// <param name="count">As it was merged.</param>
    public void Settle(Burst burst, ushort* which, int count)
    {
        for (int i = 0; i < count; i++)
        {
            var frame = burst.Frames + which[i];
            var merged = Burst.Frames + _parts[i].Flow;
            frame->Delivered |= merged->Delivered;
            frame->Output = merged->Output;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_heads);
        NativeMemory.AlignedFree(_parts);
        NativeMemory.AlignedFree(_flows);
        Burst.Dispose();
    }

    private byte* Head(int i) => _heads + (i * HeadRoom);

    // True for a segment that may be merged: whole, sound, with payload and without anything that a receiver has to see by itself.
    private bool Read(Burst burst, Frame* frame, int i, OffloadKinds takes)
    {
        var part = _parts + i;
        byte* head = Head(i);
        uint known = part->Reader.Start(burst, frame, head, HeadRoom);
        var headers = PacketHeaders.Read(new ReadOnlySpan<byte>(head, (int)known), frame->Length);
        part->Headers = headers;
        // Options of IP and extension headers are left alone.
        part->IsPlain = headers.Kind == PacketKind.Tcp
            && headers.Transport - headers.Network == (headers.IsIPv6 ? PacketHeaders.IPv6Length : PacketHeaders.IPv4Length);
        if (!part->IsPlain || frame->Offload.GsoType != OffloadFields.GsoNone || headers.NetworkLength == 0) return false;
        if ((takes & (headers.IsIPv6 ? OffloadKinds.Tso6 : OffloadKinds.Tso4)) == 0) return false;
        part->PayloadLength = (uint)(headers.Network + headers.NetworkLength - headers.Payload);
        byte flags = head[headers.Transport + FlagsPlace];
        if (part->PayloadLength == 0 || (flags & ~TcpPush) != TcpAcknowledge) return false;
        if (!IsSound(part, head, frame->Offload)) return false;
        // Nobody cuts what is smaller than this.
        part->Extends = (flags & TcpPush) == 0 && part->PayloadLength >= OffloadFinisher.MinSegmentSize;
        return true;
    }

    private static bool IsSound(Part* part, byte* head, in OffloadFields offload)
    {
        var headers = part->Headers;
        if (!headers.IsIPv6)
        {
            var network = default(InternetChecksum);
            network.Add(head + headers.Network, PacketHeaders.IPv4Length);
            if (network.Value != 0) return false;
        }
        if (offload.Flags != 0) return offload.CsumStart == headers.Transport && offload.CsumOffset == PacketHeaders.TcpChecksumOffset;
        uint transport = (uint)headers.Transport, length = (uint)(headers.Payload - headers.Transport) + part->PayloadLength;
        var sum = headers.PseudoHeader(head, length);
        var reader = part->Reader;
        reader.SkipHead(transport);
        reader.Sum(length, ref sum);
        return sum.Value == 0;
    }

    // Puts a segment behind those of its flow. Where it is of a flow that it does not continue, that one grows no more: nothing is overtaken.
    private bool Join(int i, int flows, bool whole)
    {
        var part = _parts + i;
        if (!part->IsPlain)
        {
            // It may be of any flow.
            for (int f = 0; f < flows; f++)
                _flows[f].IsOpen = false;
            return false;
        }
        for (int f = flows - 1; f >= 0; f--)
        {
            var flow = _flows + f;
            if (!flow->IsOpen || !IsOfFlow(flow, i)) continue;
            if (!whole || !Continues(flow, i))
            {
                flow->IsOpen = false;
                return false;
            }
            _parts[flow->Last].Next = i;
            flow->Last = i;
            flow->Parts++;
            flow->Length += part->PayloadLength;
            // A shorter one is the last one of a large segment.
            flow->IsOpen = part->Extends && part->PayloadLength == _parts[flow->First].PayloadLength;
            part->Flow = f;
            return true;
        }
        return false;
    }

    // The same link and network headers, but for what differs from packet to packet, and the same ports.
    private bool IsOfFlow(Flow* flow, int i)
    {
        const int IPv4Addresses = 12, IPv6Addresses = 8;
        byte* a = Head(flow->First), b = Head(i);
        ref var x = ref _parts[flow->First].Headers;
        ref var y = ref _parts[i].Headers;
        if (x.Network != y.Network || x.Transport != y.Transport) return false;
        int addresses = x.Network + (x.IsIPv6 ? IPv6Addresses : IPv4Addresses);
        return Same(a, b, 0, x.Network) && Same(a, b, addresses, x.Transport + PortsLength - addresses);
    }

    private bool Continues(Flow* flow, int i)
    {
        byte* a = Head(flow->First), b = Head(i);
        ref var x = ref _parts[flow->First].Headers;
        ref var y = ref _parts[i].Headers;
        uint size = _parts[flow->First].PayloadLength, length = _parts[i].PayloadLength;
        int transport = x.Transport;
        if (x.Payload != y.Payload || length > size || x.Payload - x.Network + flow->Length + length > ushort.MaxValue) return false;
        if (Sequence(b + transport) - Sequence(a + transport) != flow->Length) return false;
        int options = transport + PacketHeaders.TcpLength;
        return Same(a, b, transport + AcknowledgementPlace, FlagsPlace - AcknowledgementPlace)
            && Same(a, b, transport + WindowPlace, WindowLength)
            && Same(a, b, options, x.Payload - options)
            && (x.IsIPv6 ? ContinuesIPv6(a + x.Network, b + x.Network) : ContinuesIPv4(a + x.Network, b + x.Network, flow->Parts));
    }

    // Class and time to live are the same; numbers go up, or mean nothing since the packet must not be fragmented (RFC 6864).
    private static bool ContinuesIPv4(byte* a, byte* b, int parts)
    {
        const int ClassPlace = 1, IdPlace = 4, FlagsPlaceInHeader = 6, TimePlace = 8;
        const byte DontFragment = 0x40;
        return a[ClassPlace] == b[ClassPlace] && a[TimePlace] == b[TimePlace] && a[FlagsPlaceInHeader] == b[FlagsPlaceInHeader]
            && ((a[FlagsPlaceInHeader] & DontFragment) != 0 || (ushort)(Number(b + IdPlace) - Number(a + IdPlace)) == parts);
    }

    // Class, label and hop limit are the same.
    private static bool ContinuesIPv6(byte* a, byte* b)
    {
        const int FirstLength = 4, HopsPlace = 7;
        return Same(a, b, 0, FirstLength) && a[HopsPlace] == b[HopsPlace];
    }

    // Lays the frames out; false where their segments do not fit.
    private bool Build(Burst burst, ushort* which, int count, int flows)
    {
        int used = 0;
        for (int f = 0; f < flows; f++)
        {
            var flow = _flows + f;
            var frame = Burst.Frames + f;
            var first = burst.Frames + which[flow->First];
            *frame = *first;
            frame->Delivered = false;
            // The place before a frame's segments is its own.
            var into = Burst.Segments + used + 1;
            int room = Burst.MaxSegments - used - 1, segments;
            if (flow->Parts > 1) segments = Lay(frame, flow, into, room);
            else
            {
                segments = first->MoreSegments <= room ? first->MoreSegments : -1;
                if (segments > 0) Unsafe.CopyBlockUnaligned(into, burst.Segments + first->FirstSegment, (uint)(segments * sizeof(Segment)));
            }
            if (segments < 0) return false;
            frame->MoreSegments = (ushort)segments;
            frame->FirstSegment = (ushort)(used + 1);
            if (segments > 0) used += segments + 1;
        }
        return true;
    }

    private int Lay(Frame* frame, Flow* flow, Segment* into, int room)
    {
        var headers = _parts[flow->First].Headers;
        byte* head = Head(flow->First);
        int count = 0;
        for (int i = flow->First, left = flow->Parts; left > 0; left--, i = _parts[i].Next)
        {
            var part = _parts + i;
            part->Reader.SkipHead((uint)headers.Payload);
            int pieces = part->Reader.Pieces(into + count, room - count, part->PayloadLength);
            if (pieces < 0) return -1;
            count += pieces;
        }
        head[headers.Transport + FlagsPlace] |= (byte)(Head(flow->Last)[headers.Transport + FlagsPlace] & TcpPush);
        WriteLengths(head, headers, flow->Length);
        frame->Data = head;
        frame->DataLength = (uint)headers.Payload;
        frame->Length = (uint)headers.Payload + flow->Length;
        frame->Snapshot = Vector128.Load(head);
        frame->Offload = new OffloadFields
        {
            Flags = OffloadFields.NeedsCsum,
            GsoType = headers.IsIPv6 ? OffloadFields.GsoTcpV6 : OffloadFields.GsoTcpV4,
            HdrLen = (ushort)headers.Payload,
            GsoSize = (ushort)_parts[flow->First].PayloadLength,
            CsumStart = (ushort)headers.Transport,
            CsumOffset = PacketHeaders.TcpChecksumOffset,
        };
        return count;
    }

    // The sum of the addresses stands in for the checksum (VIRTIO 1.2, 5.1.6.2).
    private static void WriteLengths(byte* head, PacketHeaders headers, uint payloadLength)
    {
        const int IPv4LengthPlace = 2, ChecksumPlace = 10, IPv6LengthPlace = 4;
        byte* network = head + headers.Network;
        uint transportLength = (uint)(headers.Payload - headers.Transport) + payloadLength;
        if (headers.IsIPv6) Write(network + IPv6LengthPlace, (ushort)transportLength);
        else
        {
            Write(network + IPv4LengthPlace, (ushort)(PacketHeaders.IPv4Length + transportLength));
            Write(network + ChecksumPlace, 0);
            var sum = default(InternetChecksum);
            sum.Add(network, PacketHeaders.IPv4Length);
            Unsafe.WriteUnaligned(network + ChecksumPlace, sum.Value);
        }
        Unsafe.WriteUnaligned(head + headers.Transport + PacketHeaders.TcpChecksumOffset, headers.PseudoHeader(head, transportLength).Partial);
    }

    private static bool Same(byte* a, byte* b, int at, int length) =>
        new ReadOnlySpan<byte>(a + at, length).SequenceEqual(new ReadOnlySpan<byte>(b + at, length));

    private static uint Sequence(byte* tcp) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<uint>(tcp + SequencePlace));

    private static ushort Number(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(at));

    private static void Write(byte* at, ushort number) => Unsafe.WriteUnaligned(at, BinaryPrimitives.ReverseEndianness(number));

    // A frame as it is read.
    private struct Part
    {
        public FrameReader Reader;
        public PacketHeaders Headers;
        public uint PayloadLength;
        public bool IsPlain;
        public bool Extends;
        public int Next;
        public int Flow;
    }

    // A frame as it is sent: one, or several that were merged.
    private struct Flow
    {
        public int First;
        public int Last;
        public int Parts;
        public uint Length;
        public bool IsOpen;
    }
}
