using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Packets;

namespace VhostSwitch.Dataplane;

/// <summary>
/// Does in software what a sender left undone (VIRTIO 1.2, 5.1.6.2) and a receiver does not take: sums checksums up, cuts large TCP segments, UDP
/// payloads and UDP datagrams into ordinary frames, in memory of its own. One thread uses it; it allocates nothing after it was made.
/// </summary>
/// <remarks>
/// Take a frame, make frames of it until none is left, and send <see cref="Burst"/> and clear it whenever there is no more room. What is decided
/// on is a copy of the headers, read once; of the sender's fields only the kind of work and the size of segments are used, and they have to agree
/// with the headers (the class of CVE-2024-11614).
/// </remarks>
public sealed unsafe class OffloadFinisher : IDisposable
{
    /// <summary>
    /// The smallest payload of a segment in bytes, as Linux has it (TCP_MIN_GSO_SIZE): the smallest segment it sends, 48 bytes, less 40 for
    /// options. Smaller ones would make a guest's one frame tens of thousands.
    /// </summary>
    public const int MinSegmentSize = 8;

    /// <summary>
    /// The most frames that one becomes: 64 KiB in segments of 64 bytes. The least segments that a standard network asks for have 536 bytes and
    /// make 123; whoever sends smaller ones sends no 64 KiB of them at once.
    /// </summary>
    public const int MaxSegments = 1024;

    /// <summary>The most bytes of headers: Ethernet, two tags, the longest IPv4 and TCP headers are 142; extension headers of IPv6 have the rest.</summary>
    public const int MaxHeaderLength = 256;

    // Twice the largest frame: a large datagram with fragments beside it, and never too little for one frame.
    private const uint RoomLength = 2 * 65536;

    // Frames begin on cache lines.
    private const uint Alignment = 64;

    // A fragment's payload is a multiple of this (RFC 791, 3.2).
    private const int FragmentUnit = 8;

    private const byte TcpFin = 0x01, TcpSyn = 0x02, TcpPush = 0x08, TcpCongestionReduced = 0x80;
    private const int TcpSequencePlace = 4, TcpFlagsPlace = 13;

    // Set up once.
    private readonly byte* _room = (byte*)NativeMemory.AlignedAlloc(RoomLength, Alignment);
    private readonly byte* _head = (byte*)NativeMemory.AlignedAlloc(MaxHeaderLength, Alignment);

    // How full the room is, and what of it has to stay when it is cleared.
    private uint _used;
    private uint _kept;

    // The frame that was taken.
    private FrameReader _reader;
    private PacketHeaders _headers;
    private OffloadFields _fields;
    private ushort _token;
    private uint _length;
    private Work _work;
    private byte* _datagram;
    private uint _payloadLeft;
    private uint _size;
    private int _made;

    // IPv6 asks for numbers of fragments that do not come again soon (RFC 8200, 4.5).
    private uint _fragmentId = (uint)Random.Shared.Next();

    private enum Work : byte
    {
        Checksum,
        Tcp,
        UdpSegments,
        UdpFragments,
    }

    /// <summary>The ordinary frames. The token of each is the position that its original was taken with.</summary>
    public Burst Burst { get; } = new();

    /// <summary>How many frames are still to be made of the one that was taken.</summary>
    public int Left { get; private set; }

    /// <summary>Takes a frame. Nothing is left of the one before.</summary>
    /// <param name="burst">The loan it is from.</param>
    /// <param name="index">Its position there; the frame has something left to be done.</param>
    /// <returns>False where its offload fields contradict its headers; there is nothing to be made of it.</returns>
    public bool Take(Burst burst, ushort index)
    {
        var frame = burst.Frames + index;
        Left = 0;
        _kept = 0;
        if (Burst.Count == 0) _used = 0;
        Burst.Source = burst.Source;
        if (frame->Length is < Ethernet.SnapshotLength or > Ethernet.MaxFrameLength) return false;
        _token = index;
        _length = frame->Length;
        _fields = frame->Offload;
        _made = 0;
        _datagram = null;
        uint known = _reader.Start(burst, frame, _head, MaxHeaderLength);
        _headers = PacketHeaders.Read(new ReadOnlySpan<byte>(_head, (int)known), _length);
        if (_headers.Kind == PacketKind.Malformed) return false;
        return _fields.GsoType == OffloadFields.GsoNone ? TakeChecksum() : TakeLarge();
    }

    /// <summary>Makes the next frame.</summary>
    /// <returns>False where there is no room: send and clear the burst first, which holds at least one frame then.</returns>
    public bool MakeNext()
    {
        if (Burst.Count == Burst.MaxFrames) return false;
        bool made = _work switch
        {
            Work.Checksum => MakeChecksummed(),
            Work.UdpFragments => MakeFragment(),
            _ => MakeSegment(),
        };
        if (!made) return false;
        _made++;
        Left--;
        return true;
    }

    /// <summary>Empties the burst. Frames are still made of the one that was taken.</summary>
    public void Clear()
    {
        Burst.Count = 0;
        _used = _kept;
    }

    /// <summary>Makes nothing more of the frame that was taken.</summary>
    public void GiveUp() => Left = 0;

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_room);
        NativeMemory.AlignedFree(_head);
        Burst.Dispose();
    }

    private bool TakeChecksum()
    {
        if (_fields.Flags == 0) return false;
        uint place = (uint)_fields.CsumStart + _fields.CsumOffset;
        if (place + sizeof(ushort) > _length) return false;
        if (_headers.Kind == PacketKind.Other || _fields.CsumStart >= _headers.Payload)
        {
            // A checksum of something that is not known here: of another protocol, of what a tunnel carries. The frame's own rules are all
            // there is (5.1.6.2), but what was decided on is not written any more.
            if (_fields.CsumStart < Math.Max(_headers.Transport, Ethernet.SnapshotLength)) return false;
        }
        else if (!ChecksumIsThatOfTheTransport() || !LengthsAgree()) return false;
        _work = Work.Checksum;
        Left = 1;
        return true;
    }

    private bool TakeLarge()
    {
        bool tcp = _headers.Kind == PacketKind.Tcp;
        if (_headers.Kind == PacketKind.Other || !ChecksumIsThatOfTheTransport()) return false;
        // The length that is there counts, the one in the header is written anew; Windows leaves it open.
        if (_headers.NetworkLength != 0 && _headers.NetworkLength != _length - _headers.Network) return false;
        switch (_fields.GsoType & ~OffloadFields.GsoEcn)
        {
            case OffloadFields.GsoTcpV4 when tcp && !_headers.IsIPv6:
            case OffloadFields.GsoTcpV6 when tcp && _headers.IsIPv6:
                _work = Work.Tcp;
                break;
            case OffloadFields.GsoUdpL4 when !tcp:
                _work = Work.UdpSegments;
                break;
            case OffloadFields.GsoUdp when !tcp:
                _work = Work.UdpFragments;
                break;
            default:
                return false;
        }
        if (_fields.GsoSize < MinSegmentSize) return false;
        _size = _work == Work.UdpFragments ? (uint)_fields.GsoSize & ~(FragmentUnit - 1u) : _fields.GsoSize;
        _payloadLeft = _length - (uint)(_work == Work.UdpFragments ? _headers.Transport : _headers.Payload);
        uint count = Math.Max((_payloadLeft + _size - 1) / _size, 1);
        // Each of the frames must be one that IP has room for, and so must the datagram.
        uint longest = (uint)(_headers.Payload - _headers.Network) + (_work == Work.UdpFragments ? _payloadLeft : Math.Min(_size, _payloadLeft));
        if (count > MaxSegments || longest > ushort.MaxValue) return false;
        // A connection begins once (RFC 9293, 3.4).
        if (tcp && count > 1 && (_head[_headers.Transport + TcpFlagsPlace] & TcpSyn) != 0) return false;
        if (_work == Work.UdpFragments) _fragmentId++;
        else
        {
            _reader.SkipHead((uint)_headers.Payload);
            *(ushort*)(_head + _fields.CsumStart + _fields.CsumOffset) = 0;
        }
        Left = (int)count;
        return true;
    }

    private bool ChecksumIsThatOfTheTransport() =>
        _fields.Flags != 0 && _fields.CsumStart == _headers.Transport
        && _fields.CsumOffset == (_headers.Kind == PacketKind.Tcp ? PacketHeaders.TcpChecksumOffset : PacketHeaders.UdpChecksumOffset);

    // Padding may follow the packet. A datagram that is not as long as its packet has no checksum that both sides would agree on.
    private bool LengthsAgree()
    {
        const int UdpLengthPlace = 4;
        if (_headers.NetworkLength == 0) return false;
        int transportLength = _headers.Network + _headers.NetworkLength - _headers.Transport;
        return _headers.Kind == PacketKind.Tcp || Number(_head + _headers.Transport + UdpLengthPlace) == transportLength;
    }

    // The whole frame with its checksum.
    private bool MakeChecksummed()
    {
        byte* to = Reserve(_length);
        if (to == null) return false;
        uint start = _fields.CsumStart, end = _length;
        bool known = _headers.Kind != PacketKind.Other && start == _headers.Transport;
        var sum = default(InternetChecksum);
        if (known)
        {
            // Of what stands in its place nothing is used: that is the sender's own sum of the addresses.
            end = (uint)(_headers.Network + _headers.NetworkLength);
            *(ushort*)(_head + start + _fields.CsumOffset) = 0;
            sum = PseudoHeader(end - start);
        }
        _reader.Copy(to, start);
        _reader.Copy(to + start, end - start, ref sum);
        _reader.Copy(to + end, _length - end);
        Unsafe.WriteUnaligned(to + start + _fields.CsumOffset, known && _headers.Kind == PacketKind.Tcp ? sum.Value : sum.NonZeroValue);
        Add(to, _length);
        return true;
    }

    // One segment of a large TCP segment, or one datagram of a large UDP payload.
    private bool MakeSegment()
    {
        uint headerLength = (uint)_headers.Payload, length = Math.Min(_size, _payloadLeft);
        byte* to = Reserve(headerLength + length);
        if (to == null) return false;
        Unsafe.CopyBlockUnaligned(to, _head, headerLength);
        WriteNetwork(to, headerLength + length, _made);
        byte* transport = to + _headers.Transport;
        uint transportHeader = (uint)(_headers.Payload - _headers.Transport);
        if (_work == Work.Tcp) WriteTcp(transport, first: _made == 0, last: length == _payloadLeft);
        else WriteUdpLength(transport, transportHeader + length);
        var sum = PseudoHeader(transportHeader + length);
        sum.Add(transport, transportHeader);
        _reader.Copy(to + headerLength, length, ref sum);
        Unsafe.WriteUnaligned(transport + _fields.CsumOffset, _work == Work.Tcp ? sum.Value : sum.NonZeroValue);
        _payloadLeft -= length;
        Add(to, headerLength + length);
        return true;
    }

    private void WriteTcp(byte* tcp, bool first, bool last)
    {
        uint sequence = BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<uint>(tcp + TcpSequencePlace));
        sequence += (uint)_made * _size;
        Unsafe.WriteUnaligned(tcp + TcpSequencePlace, BinaryPrimitives.ReverseEndianness(sequence));
        if (!last) tcp[TcpFlagsPlace] &= unchecked((byte)~(TcpFin | TcpPush));
        // Told once for a window (RFC 3168, 6.1.2).
        if (!first) tcp[TcpFlagsPlace] &= unchecked((byte)~TcpCongestionReduced);
    }

    private static void WriteUdpLength(byte* udp, uint length)
    {
        const int LengthPlace = 4;
        Write(udp + LengthPlace, (ushort)length);
    }

    // One fragment: headers of its own before a piece of the datagram, which lies in the room as a whole, with its checksum.
    private bool MakeFragment()
    {
        if (_datagram == null && !MakeDatagram()) return false;
        uint offset = (uint)_made * _size, length = Math.Min(_size, _payloadLeft);
        bool whole = _made == 0 && length == _payloadLeft;
        uint headerLength = (uint)(_headers.Transport + (_headers.IsIPv6 && !whole ? FragmentUnit : 0));
        byte* to = Reserve(headerLength);
        if (to == null) return false;
        Unsafe.CopyBlockUnaligned(to, _head, (uint)_headers.Transport);
        ushort place = (ushort)(length < _payloadLeft ? offset | 1 : offset);
        if (whole) WriteNetwork(to, headerLength + length, identification: 0);
        else WriteFragment(to, headerLength + length, place);
        var frame = Add(to, headerLength);
        // Every other place is before somebody's segments.
        frame->FirstSegment = (ushort)((2 * (Burst.Count - 1)) + 1);
        frame->MoreSegments = 1;
        frame->Length += length;
        Burst.Segments[frame->FirstSegment] = new Segment { Data = _datagram + offset, Length = length };
        _payloadLeft -= length;
        return true;
    }

    private void WriteFragment(byte* to, uint frameLength, ushort place)
    {
        if (_headers.IsIPv6) WriteFragmentHeader(to, place);
        else WriteFragmentPlace(to, place);
        WriteNetwork(to, frameLength, identification: 0);
    }

    private bool MakeDatagram()
    {
        // With nothing beside it that would stay as long: what is left of the room is for headers.
        if (Burst.Count > 0) return false;
        uint length = _payloadLeft, start = (uint)_headers.Transport;
        byte* to = Reserve(length);
        WriteUdpLength(_head + start, length);
        *(ushort*)(_head + start + _fields.CsumOffset) = 0;
        var sum = PseudoHeader(length);
        _reader.SkipHead(start);
        _reader.Copy(to, length, ref sum);
        Unsafe.WriteUnaligned(to + _fields.CsumOffset, sum.NonZeroValue);
        _datagram = to;
        _kept = _used;
        return true;
    }

    // IPv4, flags and offset: in units of eight bytes, and the bit that more fragments follow (RFC 791, 3.1). Bit 0 of place says that more follow.
    private void WriteFragmentPlace(byte* to, ushort place)
    {
        const int FragmentPlace = 6;
        const ushort MoreFragments = 0x2000;
        Write(to + _headers.Network + FragmentPlace, (ushort)((place / FragmentUnit) | ((place & 1) != 0 ? MoreFragments : 0)));
    }

    // IPv6, a header of its own: what follows it, the offset with the bit that more fragments follow, a number (RFC 8200, 4.5).
    private void WriteFragmentHeader(byte* to, ushort place)
    {
        const int OffsetPlace = 2, IdPlace = 4;
        byte* header = to + _headers.Transport;
        header[0] = to[_headers.ProtocolPlace];
        header[1] = 0;
        to[_headers.ProtocolPlace] = PacketHeaders.FragmentProtocol;
        Write(header + OffsetPlace, place);
        Unsafe.WriteUnaligned(header + IdPlace, BinaryPrimitives.ReverseEndianness(_fragmentId));
    }

    // Length, number and checksum of the IP header.
    private void WriteNetwork(byte* to, uint frameLength, int identification)
    {
        const int IPv4LengthPlace = 2, IdPlace = 4, ChecksumPlace = 10, IPv6LengthPlace = 4;
        byte* network = to + _headers.Network;
        uint length = frameLength - (uint)_headers.Network;
        if (_headers.IsIPv6)
        {
            Write(network + IPv6LengthPlace, (ushort)(length - PacketHeaders.IPv6Length));
            return;
        }
        Write(network + IPv4LengthPlace, (ushort)length);
        Write(network + IdPlace, (ushort)(Number(network + IdPlace) + identification));
        Write(network + ChecksumPlace, 0);
        var sum = default(InternetChecksum);
        sum.Add(network, (uint)(_headers.Transport - _headers.Network));
        Unsafe.WriteUnaligned(network + ChecksumPlace, sum.Value);
    }

    private InternetChecksum PseudoHeader(uint transportLength) => _headers.PseudoHeader(_head, transportLength);

    // Null where there is no room until the burst has been sent.
    private byte* Reserve(uint length)
    {
        uint rounded = (length + Alignment - 1) & ~(Alignment - 1);
        if (RoomLength - _used < rounded) return null;
        byte* at = _room + _used;
        _used += rounded;
        return at;
    }

    private Frame* Add(byte* data, uint length)
    {
        var frame = Burst.Frames + Burst.Count++;
        *frame = default;
        frame->Data = data;
        frame->DataLength = frame->Length = length;
        frame->Snapshot = Vector128.Load(data);
        frame->Token = _token;
        return frame;
    }

    private static ushort Number(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(at));

    private static void Write(byte* at, ushort number) => Unsafe.WriteUnaligned(at, BinaryPrimitives.ReverseEndianness(number));
}
