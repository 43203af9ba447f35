using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Packets;

namespace VhostSwitch.VirtioUser;

/// <summary>What a <see cref="DemoGuest"/> sends and how thoroughly it checks.</summary>
public sealed record DemoGuestOptions
{
    /// <summary>The most frames under way to the peer: sent and not yet received by it.</summary>
    public int Window { get; init; } = 128;

    /// <summary>The lengths of the frames in bytes, without any checksum of the wire; used in turn. 60 to 65000 each.</summary>
    public IReadOnlyList<int> FrameLengths { get; init; } = [64];

    /// <summary>Every how many frames one is filled and checked byte for byte: 1 for all. Sequence and length are checked of every frame.</summary>
    public int VerifyEvery { get; init; } = 1;

    /// <summary>After how many empty looks the guest's own thread sleeps until something comes; 0 for never.</summary>
    public int IdleLooks { get; init; } = 200;

    /// <summary>The queue pair of the port that the guest uses; both guests of a conversation use the same.</summary>
    public int QueuePair { get; init; }

    /// <summary>How long nothing may arrive before the frames under way are given up and others are sent.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromSeconds(1);

    internal void Validate()
    {
        if (Window < 1)
            throw new ArgumentException($"window {Window}: at least 1 frame", nameof(Window));
        if (FrameLengths.Count == 0 || FrameLengths.Any(l => l is < DemoFrame.MinLength or > 65000))
            throw new ArgumentException($"frame lengths: {DemoFrame.MinLength} to 65000 bytes", nameof(FrameLengths));
        if (VerifyEvery < 1)
            throw new ArgumentException($"verify every {VerifyEvery} frames: at least 1", nameof(VerifyEvery));
        if (QueuePair < 0)
            throw new ArgumentException($"queue pair {QueuePair}: at least 0", nameof(QueuePair));
        if (IdleLooks < 0)
            throw new ArgumentException($"{IdleLooks} idle looks: at least 0", nameof(IdleLooks));
    }
}

/// <summary>
/// One end of a conversation in numbered, checked frames: sends to its peer as fast as the window allows, and checks that every
/// frame of the peer arrives, once, in order, with every byte right. Both ends live in one process and see each other's
/// counters, so no frame is lost by design.
/// </summary>
/// <remarks>
/// The counters may be read by any thread. <see cref="Poll"/> belongs to one thread; <see cref="DemoGuestPair"/> has threads
/// for it.
/// </remarks>
public sealed unsafe class DemoGuest
{
    private const int Burst = 32;
    private const int MaxParts = 64;
    // How often a closed window makes the guest look at the clock, as a mask.
    private const uint StallLooks = 63;
    private static readonly long HelloInterval = Stopwatch.Frequency / 50;

    // Set up once.
    private readonly VirtioUserPort _port;
    private readonly int _pair;
    private readonly MacAddress _peerMac;
    private readonly Vector128<byte> _outgoing;
    private readonly Vector128<byte> _incoming;
    private readonly ulong _incomingSign;
    private readonly int[] _lengths;
    private readonly int _window;
    private readonly int _batch;
    private readonly uint _verifyEvery;
    private readonly long _stall;
    private readonly bool _linear;
    private readonly byte[] _scratchMemory;
    private readonly byte* _scratch;
    private readonly ulong[] _counterMemory;
    private readonly Counters* _counters;
    private ulong[]? _peerMemory;
    private Counters* _peerCounters;

    // Written by the thread that polls.
    private ulong _nextToSend;
    private ulong _nextExpected;
    private ulong _givenUp;
    private int _sendLength;
    private int _expectedLength;
    private bool _heardPeer;
    private bool _running;
    private bool _answerHello;
    private long _helloAt;
    private ulong _progressMark;
    private long _progressAt;
    private uint _denied;

    /// <summary>Makes a guest on a port. <see cref="Introduce"/> gives it a peer.</summary>
    /// <param name="port">The port; the guest is its owner thread's only user.</param>
    /// <param name="peer">The peer's address.</param>
    /// <param name="options">What it sends.</param>
    /// <exception cref="ArgumentException">An option cannot be.</exception>
    public DemoGuest(VirtioUserPort port, MacAddress peer, DemoGuestOptions? options = null)
    {
        Options = options ?? new DemoGuestOptions();
        Options.Validate();
        if (Options.QueuePair >= port.Options.Queues)
            throw new ArgumentException($"queue pair {Options.QueuePair} of a port that has {port.Options.Queues}", nameof(options));
        _port = port;
        _pair = Options.QueuePair;
        _peerMac = peer;
        _outgoing = DemoFrame.Header(peer, port.Mac, DemoFrame.NumberedType);
        _incoming = DemoFrame.Header(port.Mac, peer, DemoFrame.NumberedType);
        _incomingSign = DemoFrame.SignOf(_incoming);
        _lengths = [.. Options.FrameLengths];
        _window = Options.Window;
        _batch = Math.Min(Burst, _window);
        _verifyEvery = (uint)Options.VerifyEvery;
        _stall = (long)(Options.Stall.TotalSeconds * Stopwatch.Frequency);
        // The longest header that features can bring.
        int longest = _lengths.Max();
        _linear = longest + DemoFrame.Slack <= port.Options.BufferSize - Virtio.NetHeader.Size;
        _scratchMemory = GC.AllocateArray<byte>(65536 + DemoFrame.Slack, pinned: true);
        _scratch = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_scratchMemory));
        // Two lines before and after, so that nothing else lives in the lines the peer reads.
        _counterMemory = GC.AllocateArray<ulong>(64, pinned: true);
        _counters = (Counters*)(((nuint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_counterMemory)) + 255) & ~(nuint)127);
    }

    /// <summary>What it sends and checks.</summary>
    public DemoGuestOptions Options { get; }

    /// <summary>The port it runs on.</summary>
    public VirtioUserPort Port => _port;

    /// <summary>Numbered frames sent.</summary>
    public ulong Sent => Volatile.Read(ref _counters->Sent);

    /// <summary>Numbered frames of the peer that arrived unchanged and in order.</summary>
    public ulong Received => Volatile.Read(ref _counters->Received);

    /// <summary>Bytes of <see cref="Received"/>.</summary>
    public ulong ReceivedBytes => Volatile.Read(ref _counters->ReceivedBytes);

    /// <summary>Frames of the peer that did not arrive: their successors did, or the end came.</summary>
    public ulong Lost => Volatile.Read(ref _counters->Lost);

    /// <summary>Frames of the peer with a wrong byte or a wrong length.</summary>
    public ulong Changed => Volatile.Read(ref _counters->Changed);

    /// <summary>Frames of the peer that arrived after their successors, or twice.</summary>
    public ulong OutOfOrder => Volatile.Read(ref _counters->OutOfOrder);

    /// <summary>Frames that neither guest sent.</summary>
    public ulong Foreign => Volatile.Read(ref _counters->Foreign);

    /// <summary>Received frames of which every byte was checked.</summary>
    public ulong Verified => Volatile.Read(ref _counters->Verified);

    /// <summary>True once each of the two has heard the other, so that a switch knows both.</summary>
    public bool Acquainted => Volatile.Read(ref _counters->Acquainted) != 0;

    /// <summary>True while new frames are sent. Any thread may set it to false, and the other way round.</summary>
    public bool Sending
    {
        get => Volatile.Read(ref _counters->Quiet) == 0;
        set => Volatile.Write(ref _counters->Quiet, value ? 0UL : 1UL);
    }

    /// <summary>True when everything the peer sent has arrived or is counted as lost.</summary>
    public bool HasAll => Volatile.Read(ref _counters->NextExpected) >= Volatile.Read(ref _peerCounters->Sent);

    /// <summary>Makes two guests each other's peers. Before either of them polls.</summary>
    /// <param name="a">One.</param>
    /// <param name="b">The other.</param>
    /// <exception cref="ArgumentException">They do not send to each other's addresses, or frames of different lengths.</exception>
    public static void Introduce(DemoGuest a, DemoGuest b)
    {
        if (a._peerMac != b._port.Mac || b._peerMac != a._port.Mac)
            throw new ArgumentException($"{a._port.Mac} sends to {a._peerMac} and {b._port.Mac} to {b._peerMac}: they are no pair");
        if (!a._lengths.AsSpan().SequenceEqual(b._lengths) || a._verifyEvery != b._verifyEvery)
            throw new ArgumentException("both guests of a pair have the same frame lengths and check equally often");
        a._peerMemory = b._counterMemory;
        a._peerCounters = b._counters;
        b._peerMemory = a._counterMemory;
        b._peerCounters = a._counters;
    }

    /// <summary>One round: takes a burst, checks it, sends a burst. Never waits.</summary>
    /// <returns>True when it did something.</returns>
    [SkipLocalsInit]
    public bool Poll()
    {
        Span<FramePart> parts = stackalloc FramePart[MaxParts];
        bool worked = ReceiveBurst(parts[..Burst]);
        worked |= _running ? SendBurst(parts) : Greet(parts);
        return worked;
    }

    /// <summary>Ends the account: what the peer sent and never arrived is lost. When nobody polls any more.</summary>
    internal void Close()
    {
        ulong sent = _peerCounters->Sent;
        if (sent <= _nextExpected) return;
        _counters->Lost += sent - _nextExpected;
        _nextExpected = sent;
    }

    private bool ReceiveBurst(Span<FramePart> parts)
    {
        int count = _port.Receive(parts, _pair);
        if (count == 0) return false;
        int i = _lengths.Length == 1 && _linear ? TakeExpected(parts[..count]) : 0;
        for (; i < count; i++)
        {
            ref readonly var part = ref parts[i];
            if (part.More || !_linear) Take(_scratch, Join(parts, ref i));
            else Take(part.Data, part.Length);
        }
        _port.Release(parts[..count], _pair);
        // A peer that sends numbered frames has heard us.
        if (!_running && _nextExpected != 0) StartSending();
        Volatile.Write(ref _counters->NextExpected, _nextExpected);
        return true;
    }

    // The lean case: frames of one length that come as they must and are not to be looked at byte for byte. Returns how many
    // of the burst were such before the first that was not.
    private int TakeExpected(ReadOnlySpan<FramePart> parts)
    {
        ulong expected = _nextExpected, until = NextVerified(expected);
        ulong sign = _incomingSign;
        int length = _lengths[0];
        int i = 0;
        for (; i < parts.Length && expected != until; i++, expected++)
        {
            ref readonly var part = ref parts[i];
            if (part.Length != length || part.More || DemoFrame.Sign(part.Data) != sign || DemoFrame.Sequence(part.Data) != expected) break;
        }
        _nextExpected = expected;
        _counters->Received += (ulong)i;
        _counters->ReceivedBytes += (ulong)(i * length);
        return i;
    }

    private void Take(byte* frame, int length)
    {
        if (length == _lengths[_expectedLength] && DemoFrame.Sign(frame) == _incomingSign && DemoFrame.Sequence(frame) == _nextExpected
            && (_nextExpected != NextVerified(_nextExpected) || Verify(frame, length)))
        {
            _counters->Received++;
            _counters->ReceivedBytes += (ulong)length;
            Expect(_nextExpected + 1);
            return;
        }
        TakeOther(frame, length);
    }

    private bool Verify(byte* frame, int length)
    {
        if (!DemoFrame.IsWhole(frame, length, _incoming)) return false;
        _counters->Verified++;
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TakeOther(byte* frame, int length)
    {
        if (length < Ethernet.HeaderLength || !IsOurs(frame))
        {
            // Nobody else sends in a demo, but a tap or an uplink on the same switch may.
            _counters->Foreign++;
            return;
        }
        if (DemoFrame.Type(frame) == DemoFrame.HelloType && length >= DemoFrame.MinLength)
        {
            _heardPeer = true;
            if (DemoFrame.HelloSaysHeard(frame)) StartSending();
            _answerHello = true;
            return;
        }
        ulong sequence = length >= DemoFrame.MinLength ? DemoFrame.Sequence(frame) : 0;
        // The length comes first: only so much of the buffer may be looked at.
        if (length != LengthOf(sequence) || !(IsVerified(sequence) ? Verify(frame, length) : LooksRight(frame)))
        {
            CountChanged();
            return;
        }
        if (sequence < _nextExpected)
        {
            _counters->OutOfOrder++;
            return;
        }
        _counters->Lost += sequence - _nextExpected;
        _counters->Received++;
        _counters->ReceivedBytes += (ulong)length;
        Expect(sequence + 1);
    }

    // A frame of the peer, even if one of its bytes was changed: two of three signs are enough. Hellos go to everybody.
    private bool IsOurs(byte* frame)
    {
        bool fromPeer = DemoFrame.Source(frame) == _peerMac.Value;
        if (DemoFrame.Type(frame) == DemoFrame.HelloType) return fromPeer;
        bool toUs = DemoFrame.Destination(frame) == _port.Mac.Value;
        return (DemoFrame.Type(frame) == DemoFrame.NumberedType) ? fromPeer || toUs : fromPeer && toUs;
    }

    // Of a frame that is not checked byte for byte.
    private bool LooksRight(byte* frame) => DemoFrame.Type(frame) == DemoFrame.NumberedType && DemoFrame.Source(frame) == _peerMac.Value;

    // Nothing in a changed frame can be trusted, its number neither: it stands for the one that was due.
    private void CountChanged()
    {
        _counters->Changed++;
        Expect(_nextExpected + 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Expect(ulong sequence)
    {
        if (_lengths.Length > 1)
        {
            bool next = sequence == _nextExpected + 1 && _expectedLength + 1 < _lengths.Length;
            _expectedLength = next ? _expectedLength + 1 : (int)(sequence % (ulong)_lengths.Length);
        }
        _nextExpected = sequence;
    }

    private bool IsVerified(ulong sequence) => _verifyEvery == 1 || sequence % _verifyEvery == 0;

    // The first frame from a number on that is filled and checked byte for byte.
    private ulong NextVerified(ulong sequence) => _verifyEvery == 1 ? sequence : (sequence + _verifyEvery - 1) / _verifyEvery * _verifyEvery;

    private int LengthOf(ulong sequence) => _lengths[(int)(sequence % (ulong)_lengths.Length)];

    private bool SendBurst(Span<FramePart> parts)
    {
        if (_answerHello) AnswerHello(parts);
        ulong arrived = Math.Max(Volatile.Read(ref _peerCounters->NextExpected), _givenUp);
        long credit = _window - (long)(_nextToSend - arrived);
        // A few frames at a time would cost as much as a burst.
        if (credit < _batch)
        {
            if ((++_denied & StallLooks) == 0) LookForStall();
            return false;
        }
        if (!Sending) return false;
        if (!_linear) return SendLong(parts);
        int count = _port.Borrow(parts[..(int)Math.Min(credit, Burst)], _pair);
        if (count == 0) return false;
        var header = _outgoing;
        ulong sequence = _nextToSend, verified = NextVerified(sequence);
        int length = _lengths[_sendLength];
        for (int i = 0; i < count; i++, sequence++)
        {
            ref var part = ref parts[i];
            part.Length = length;
            if (sequence == verified)
            {
                DemoFrame.Fill(part.Data, length, header, sequence);
                verified += _verifyEvery;
            }
            else
            {
                DemoFrame.Number(part.Data, header, sequence);
            }
            if (_lengths.Length == 1) continue;
            if (++_sendLength == _lengths.Length) _sendLength = 0;
            length = _lengths[_sendLength];
        }
        // Counted before they can arrive, so that no reader ever sees more received than sent.
        Volatile.Write(ref _counters->Sent, _nextToSend + (ulong)count);
        int sent = _port.Transmit(parts[..count], _pair);
        _nextToSend += (ulong)sent;
        if (sent < count) Unsend(parts[sent..count]);
        return sent != 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Unsend(Span<FramePart> parts)
    {
        _port.Return(parts, _pair);
        Volatile.Write(ref _counters->Sent, _nextToSend);
        _sendLength = (int)(_nextToSend % (ulong)_lengths.Length);
    }

    // Frames longer than a buffer are made in one piece and copied into several.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool SendLong(Span<FramePart> parts)
    {
        int length = LengthOf(_nextToSend);
        int needed = (length + _port.Capacity - 1) / _port.Capacity;
        if (needed > parts.Length)
            throw new InvalidOperationException($"a frame of {length} bytes needs {needed} buffers; at most {parts.Length} are sent as one frame");
        int count = _port.Borrow(parts[..needed], _pair);
        if (count < needed)
        {
            _port.Return(parts[..count], _pair);
            return false;
        }
        if (IsVerified(_nextToSend)) DemoFrame.Fill(_scratch, length, _outgoing, _nextToSend);
        else DemoFrame.Number(_scratch, _outgoing, _nextToSend);
        int done = 0;
        for (int i = 0; i < needed; i++)
        {
            ref var part = ref parts[i];
            part.Length = Math.Min(part.Length, length - done);
            part.More = i < needed - 1;
            Buffer.MemoryCopy(_scratch + done, part.Data, part.Length, part.Length);
            done += part.Length;
        }
        Volatile.Write(ref _counters->Sent, _nextToSend + 1);
        if (_port.Transmit(parts[..needed], _pair) == needed)
        {
            _nextToSend++;
            return true;
        }
        Unsend(parts[..needed]);
        return false;
    }

    private int Join(Span<FramePart> parts, ref int i)
    {
        int length = 0;
        while (true)
        {
            ref readonly var part = ref parts[i];
            if (length + part.Length <= 65536)
            {
                Buffer.MemoryCopy(part.Data, _scratch + length, part.Length, part.Length);
                length += part.Length;
            }
            if (!part.More) return length;
            i++;
        }
    }

    private bool Greet(Span<FramePart> parts)
    {
        if (Stopwatch.GetTimestamp() - _helloAt < HelloInterval && !_answerHello) return false;
        return SendHello(parts);
    }

    // A peer that still greets has not heard us: the last hello may have been lost.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void AnswerHello(Span<FramePart> parts)
    {
        if (Stopwatch.GetTimestamp() - _helloAt >= HelloInterval) SendHello(parts);
        _answerHello = false;
    }

    private bool SendHello(Span<FramePart> parts)
    {
        if (_port.Borrow(parts[..1], _pair) == 0) return false;
        _helloAt = Stopwatch.GetTimestamp();
        _answerHello = false;
        DemoFrame.FillHello(parts[0].Data, _port.Mac, _heardPeer);
        parts[0].Length = DemoFrame.MinLength;
        if (_port.Transmit(parts[..1], _pair) == 0) _port.Return(parts[..1], _pair);
        return true;
    }

    private void StartSending()
    {
        if (_running) return;
        _running = true;
        _progressAt = Stopwatch.GetTimestamp();
        Volatile.Write(ref _counters->Acquainted, 1);
    }

    // Without this a switch that loses a whole window would end the conversation instead of being told on.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void LookForStall()
    {
        ulong arrived = Volatile.Read(ref _peerCounters->NextExpected);
        long now = Stopwatch.GetTimestamp();
        if (arrived != _progressMark || _nextToSend == arrived)
        {
            _progressMark = arrived;
            _progressAt = now;
        }
        else if (now - _progressAt > _stall)
        {
            _givenUp = _nextToSend;
            _progressAt = now;
        }
    }

    // Written by the polling thread, read by the peer's and others.
    private struct Counters
    {
        public ulong NextExpected;
        public ulong Sent;
        public ulong Received;
        public ulong ReceivedBytes;
        public ulong Lost;
        public ulong Changed;
        public ulong OutOfOrder;
        public ulong Foreign;
        public ulong Verified;
        public ulong Acquainted;
        public ulong Quiet;
    }
}
