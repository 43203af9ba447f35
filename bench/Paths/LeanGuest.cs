using System.Diagnostics;
using System.Runtime.InteropServices;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// One of two guests that exchange numbered frames: the load generator of the benchmarks, on a driver's queues without anything between. Number,
/// addresses and length of every frame are checked, each 1024th byte for byte. One thread polls both guests.
/// </summary>
internal sealed unsafe class LeanGuest : IDisposable
{
    /// <summary>The largest burst.</summary>
    public const int LargestBurst = 128;

    private const int ReceivedAtOnce = 32;
    private const int HelloLength = 64;

    // A frame of several buffers needs more of them under way than a ring usually has.
    private const int UsualRing = 256, LongRing = 1024;
    private const int Capacity = VirtioUserOptions.BufferUnit - NetHeader.Size;
    private const int PlainNumberOffset = Ethernet.HeaderLength, PlainDueOffset = PlainNumberOffset + sizeof(ulong);
    private const int VerifyEvery = 1024;

    // IEEE 802's two local experimental types, as they load.
    private const ulong NumberedType = 0xB588, HelloType = 0xB688;

    // An address is its guest's with a number in its last two bytes; in a header's two words they are there.
    private const int ToShift = 32, FromShift = 16;
    private const ulong HeaderInSecondWord = (1UL << 48) - 1;

    // Odd and without a pattern of its own.
    private const ulong Multiplier = 0x9E37_79B9_7F4A_7C15;

    // The window stays closed for so many looks before the clock is asked, and for so long before the frames under way are given up.
    private const uint LooksBeforeClock = 4096;
    private static readonly long Stall = Stopwatch.Frequency, HelloInterval = Stopwatch.Frequency / 1000;

    private readonly VirtioUserPort _port;
    private readonly MacAddress _mac, _peerMac;
    private readonly bool _segments;
    private readonly ulong _type;

    // Behind the headers: the frame's number, when it was due, and a pattern in those that are checked byte for byte.
    private readonly int _numberOffset, _dueOffset, _patternOffset;
    private readonly ulong _outFirst, _outSecond, _inFirst, _inSecond;
    private readonly int[] _lengths;
    private readonly int _addresses;
    private readonly int _window;
    private readonly int _burst;
    private readonly bool[] _heard;

    // Frames of one length in one part.
    private readonly bool _isPlain;
    private readonly int _partsOfLongest;
    private readonly FramePart[] _in, _out;

    private LeanGuest? _peer;
    private GuestClock? _clock;
    private Traffic _traffic = Traffic.None;
    private bool _sends;
    private int _heardCount;
    private int _greeting;
    private long _greetAt;
    private ulong _next;
    private int _nextLength, _nextAddress;
    private ulong _expected;
    private int _expectedLength, _expectedAddress;
    private ulong _givenUp;
    private uint _denied;
    private ulong _progress;
    private long _progressAt;
    private long _pacedFrom;
    private ulong _pacedNumber;
    private double _interval, _framesPerTick;
    private Behind _behind;
    private bool _windowClosed;
    private ulong _received, _lost, _changed, _late;

    /// <summary>Connects.</summary>
    /// <param name="socket">The switch's socket.</param>
    /// <param name="mac">The first of its addresses, which ends with two bytes of 0.</param>
    /// <param name="peer">The other guest's.</param>
    /// <param name="settings">The case.</param>
    /// <exception cref="NotSupportedException">The switch does not offer what is to be measured.</exception>
    public LeanGuest(string socket, MacAddress mac, MacAddress peer, Settings settings)
    {
        (_mac, _peerMac) = (mac, peer);
        _segments = settings.Frames.Segments;
        _type = _segments ? LargeSegment.Type : NumberedType;
        _numberOffset = _segments ? LargeSegment.HeadersLength : PlainNumberOffset;
        _dueOffset = _numberOffset + sizeof(ulong);
        _patternOffset = _dueOffset + sizeof(long);
        (_outFirst, _outSecond) = Header(peer, mac, _type);
        (_inFirst, _inSecond) = Header(mac, peer, _type);
        _lengths = [.. settings.Frames.Lengths];
        _partsOfLongest = PartsOf(_lengths.Max());
        _addresses = settings.Addresses;
        _isPlain = !_segments && _partsOfLongest == 1 && _lengths.Length == 1;
        int ring = _partsOfLongest == 1 ? UsualRing : LongRing;
        _window = Math.Min(settings.Window, ring / _partsOfLongest);
        // Several bursts are a window, or guests and switch would wait for each other.
        _burst = _partsOfLongest == 1 ? settings.Burst : Math.Min(settings.Burst, _window / 4);
        _heard = new bool[_addresses];
        _in = new FramePart[Math.Max(ReceivedAtOnce, 2 * _partsOfLongest)];
        _out = new FramePart[Math.Max(ReceivedAtOnce, _burst * _partsOfLongest)];
        _port = new VirtioUserPort(new VirtioUserOptions
        {
            Path = socket, Mac = mac, MemoryRegions = 2, Features = settings.Features, QueueSize = ring,
        });
        try
        {
            _port.Start();
            // A contender that does not offer the ring would be measured with another one.
            if ((settings.Features & ~_port.Features) is not Features.None and var missing)
                throw new NotSupportedException($"{string.Join(", ", FeatureNames.Of(missing))} is not offered at {socket}");
        }
        catch
        {
            _port.Dispose();
            throw;
        }
    }

    /// <summary>True once it has heard each address of the other guest, so that a switch knows them.</summary>
    public bool KnowsPeer => Volatile.Read(ref _heardCount) == _addresses;

    /// <summary>When it sent its first frame, and when it heard the first of the other guest, as <see cref="Stopwatch"/> counts.</summary>
    public (long Sent, long Heard) First { get; private set; }

    /// <summary>Frames that arrived as they were sent.</summary>
    public ulong Received => Volatile.Read(ref _received);

    /// <summary>Frames of the other guest that did not arrive.</summary>
    public ulong Lost => Volatile.Read(ref _lost);

    /// <summary>Frames with a wrong byte or length, or behind their successors.</summary>
    public ulong Changed => Volatile.Read(ref _changed);

    /// <summary>Frames sent.</summary>
    public ulong Sent => Volatile.Read(ref _next);

    /// <summary>Of these, sent later than they were due although the switch would have taken them: it is the guest that was late.</summary>
    public ulong Late => Volatile.Read(ref _late);

    /// <summary>Whether more is due than a burst, or more under way than two. The polling thread.</summary>
    public bool IsBehind => _behind != Behind.Not || _window - Credit() > 2 * _burst;

    /// <summary>True when all that the other guest sent has arrived or is given up.</summary>
    public bool HasAll => Volatile.Read(ref _expected) >= Volatile.Read(ref _peer!._next);

    /// <summary>Gives it the other guest, and the clock of both. Before it is polled.</summary>
    public void Meet(LeanGuest peer, GuestClock clock) => (_peer, _clock) = (peer, clock);

    /// <summary>Sends something else from now on. The polling thread.</summary>
    public void Begin(Traffic traffic, bool sends)
    {
        (_traffic, _sends) = (traffic, sends);
        (_pacedFrom, _pacedNumber) = (_clock!.Now(), _next);
        (_behind, _windowClosed) = (Behind.Not, false);
        if (traffic.FramesPerSecond is not { } rate) return;
        _framesPerTick = rate / Stopwatch.Frequency;
        _interval = 1 / _framesPerTick;
    }

    /// <summary>Receives a burst and sends one. The polling thread.</summary>
    /// <returns>False when there was nothing to do.</returns>
    public bool Poll()
    {
        int count = _port.Receive(_in);
        // One look at the clock a round: it costs as much as a frame.
        long now = _traffic.Clocked ? _clock!.Now() : 0;
        if (count != 0) Take(count, now);
        bool worked = count != 0;
        if (!KnowsPeer || !_peer!.KnowsPeer) return worked | Greet();
        if (!_sends) return worked;
        return worked | (_traffic.FramesPerSecond is null ? SendWindow() : SendDue(now));
    }

    /// <summary>Ends the account: what is still under way is lost. When nobody polls any more.</summary>
    public void Close()
    {
        if (_peer!._next <= _expected) return;
        _lost += _peer._next - _expected;
        _expected = _peer._next;
    }

    public void Dispose() => _port.Dispose();

    private static (ulong First, ulong Second) Header(MacAddress to, MacAddress from, ulong type) =>
        (to.Value | (from.Value << 48), (from.Value >> 16) | (type << 32));

    private static int PartsOf(int length) => (length + Capacity - 1) / Capacity;

    private static int LengthOf(ReadOnlySpan<FramePart> frame)
    {
        int length = frame[0].Length;
        for (int i = 1; i < frame.Length; i++) length += frame[i].Length;
        return length;
    }

    // How many frames may be sent before others arrive.
    private long Credit() => _window - (long)(_next - Math.Max(_peer!._expected, _givenUp));

    private bool SendWindow()
    {
        long credit = Credit();
        // A few frames at a time would cost as much as a burst.
        if (credit >= Math.Min(_window, _burst)) return Send((int)Math.Min(credit, _burst), 0, 0) != 0;
        LookForStall();
        return false;
    }

    // What is due, as long as the window is open: a ring filled to its end has room for a frame or two at a time, and who sends so never catches up.
    private bool SendDue(long now)
    {
        if (_framesPerTick == 0) return false;
        long sent = (long)(_next - _pacedNumber);
        // The first is due at once.
        long due = (long)((now - _pacedFrom) * _framesPerTick) + 1 - sent;
        if (due <= _burst) _behind = Behind.Not;
        else if (_behind == Behind.Not) _behind = _windowClosed ? Behind.WithTheSwitch : Behind.ByItself;
        if (due <= 0) return false;
        int wanted = (int)Math.Min(due, _burst);
        _windowClosed = Credit() < Math.Min(wanted, _window);
        if (_windowClosed)
        {
            LookForStall();
            return false;
        }
        int count = Send(wanted, _pacedFrom + (long)(sent * _interval), _interval);
        if (_behind == Behind.ByItself) Volatile.Write(ref _late, _late + (ulong)count);
        return count != 0;
    }

    private int Send(int wanted, double due, double interval)
    {
        int lent = _port.Borrow(_out.AsSpan(0, wanted * _partsOfLongest));
        if (_isPlain) return SendPlain(_out.AsSpan(0, lent), due, interval);
        int frames = 0, used = 0;
        while (frames < wanted && lent - used >= _partsOfLongest)
        {
            int length = _lengths[_nextLength];
            var frame = _out.AsSpan(used, _partsOfLongest == 1 ? 1 : PartsOf(length));
            frame[0].Length = length;
            if (frame.Length > 1) Divide(frame, length);
            byte* data = frame[0].Data;
            Write(data, _outFirst + ((ulong)_nextAddress << ToShift), _outSecond + ((ulong)_nextAddress << FromShift));
            if (_segments) LargeSegment.Write(data, length, _port.HeaderOf(frame[0]));
            *(ulong*)(data + _numberOffset) = _next;
            *(long*)(data + _dueOffset) = (long)(due + (frames * interval));
            if (_next % VerifyEvery == 0) Fill(frame, _next);
            Volatile.Write(ref _next, _next + 1);
            if (++_nextLength == _lengths.Length) _nextLength = 0;
            if (++_nextAddress == _addresses) _nextAddress = 0;
            used += frame.Length;
            frames++;
        }
        if (used < lent) _port.Return(_out.AsSpan(used, lent - used));
        Transmit(_out.AsSpan(0, used));
        return frames;
    }

    private int SendPlain(Span<FramePart> parts, double due, double interval)
    {
        int length = _lengths[0], address = _nextAddress, addresses = _addresses;
        ulong next = _next, first = _outFirst, second = _outSecond;
        foreach (ref var part in parts)
        {
            byte* data = part.Data;
            Write(data, first + ((ulong)address << ToShift), second + ((ulong)address << FromShift));
            if (++address == addresses) address = 0;
            *(ulong*)(data + PlainNumberOffset) = next;
            part.Length = length;
            if (interval != 0) *(long*)(data + PlainDueOffset) = (long)due;
            due += interval;
            if (next % VerifyEvery == 0) Fill(MemoryMarshal.CreateReadOnlySpan(ref part, 1), next);
            next++;
        }
        _nextAddress = address;
        Volatile.Write(ref _next, next);
        Transmit(parts);
        return parts.Length;
    }

    // A ring has as many entries as there are buffers.
    private void Transmit(ReadOnlySpan<FramePart> parts)
    {
        if (parts.Length != 0 && _port.Transmit(parts) != parts.Length && _port.Link == LinkState.Up)
            throw new InvalidOperationException("a buffer was free, and the ring had no entry for it");
    }

    private static void Divide(Span<FramePart> frame, int length)
    {
        for (int i = 0; i < frame.Length; i++)
        {
            frame[i].Length = Math.Min(length, Capacity);
            length -= frame[i].Length;
            frame[i].More = length > 0;
        }
    }

    private static void Write(byte* frame, ulong first, ulong second)
    {
        *(ulong*)frame = first;
        *(ulong*)(frame + sizeof(ulong)) = second;
    }

    private void Fill(ReadOnlySpan<FramePart> frame, ulong number)
    {
        int before = 0;
        foreach (ref readonly var part in frame)
        {
            for (int at = Math.Max(_patternOffset - before, 0); at < part.Length; at++) part.Data[at] = PatternAt(number, before + at);
            before += part.Length;
        }
    }

    private bool IsFilled(ReadOnlySpan<FramePart> frame, ulong number)
    {
        int before = 0;
        foreach (ref readonly var part in frame)
        {
            for (int at = Math.Max(_patternOffset - before, 0); at < part.Length; at++)
            {
                if (part.Data[at] != PatternAt(number, before + at)) return false;
            }
            before += part.Length;
        }
        return true;
    }

    private static byte PatternAt(ulong number, int at) => (byte)(((number + (ulong)at) * Multiplier) >> 56);

    private void Take(int count, long now)
    {
        var latencies = _traffic.Latencies;
        for (int begin = 0, end; begin < count; begin = end)
        {
            if (_isPlain && (begin += TakePlain(_in.AsSpan(begin, count - begin), latencies, now)) == count) break;
            end = begin + 1;
            while (_in[end - 1].More) end++;
            var frame = _in.AsSpan(begin, end - begin);
            if (!IsExpected(frame) && !Resume(frame)) continue;
            _received++;
            ExpectNext();
            if (latencies is not null) Note(latencies, frame[0].Data + _dueOffset, now);
        }
        _port.Release(_in.AsSpan(0, count));
    }

    // Frames as they are due up to one that is looked at closely, in a plain case. The switch is to be the limit, and not this: half the instructions.
    private int TakePlain(ReadOnlySpan<FramePart> parts, LatencyAccount? latencies, long now)
    {
        int taken = 0, length = _lengths[0], address = _expectedAddress, addresses = _addresses;
        ulong expected = _expected, first = _inFirst, second = _inSecond;
        foreach (ref readonly var part in parts)
        {
            byte* data = part.Data;
            if (part.Length != length || part.More || *(ulong*)data != first + ((ulong)address << ToShift)
                || (*(ulong*)(data + sizeof(ulong)) & HeaderInSecondWord) != second + ((ulong)address << FromShift)
                || *(ulong*)(data + PlainNumberOffset) != expected || expected % VerifyEvery == 0)
            {
                break;
            }
            if (latencies is not null) Note(latencies, data + PlainDueOffset, now);
            expected++;
            taken++;
            if (++address == addresses) address = 0;
        }
        _expectedAddress = address;
        _expected = expected;
        _received += (ulong)taken;
        return taken;
    }

    private void Note(LatencyAccount latencies, byte* due, long now)
    {
        if (*(long*)due >= _traffic.CountFrom) latencies.Add(now - *(long*)due);
    }

    private void ExpectNext()
    {
        _expected++;
        if (++_expectedLength == _lengths.Length) _expectedLength = 0;
        if (++_expectedAddress == _addresses) _expectedAddress = 0;
    }

    private bool IsExpected(ReadOnlySpan<FramePart> frame)
    {
        byte* data = frame[0].Data;
        return LengthOf(frame) == _lengths[_expectedLength]
            && *(ulong*)data == _inFirst + ((ulong)_expectedAddress << ToShift)
            && (*(ulong*)(data + sizeof(ulong)) & HeaderInSecondWord) == _inSecond + ((ulong)_expectedAddress << FromShift)
            && *(ulong*)(data + _numberOffset) == _expected
            && (!_segments || LargeSegment.IsWhole(_port.HeaderOf(frame[0])))
            && (_expected % VerifyEvery != 0 || IsFilled(frame, _expected));
    }

    // A frame other than the one that is due: true where it is a later one, and those between them are lost.
    private bool Resume(ReadOnlySpan<FramePart> frame)
    {
        ref readonly var part = ref frame[0];
        if (part.Length < FrameMix.Shortest) return false;
        ulong second = *(ulong*)(part.Data + sizeof(ulong)) & HeaderInSecondWord;
        if (second >> 32 == HelloType)
        {
            Hear((int)((second - (Header(_mac, _peerMac, HelloType).Second & HeaderInSecondWord)) >> FromShift));
            return false;
        }
        // Frames of strangers are no business of these two.
        if (second >> 32 != _type) return false;
        ulong number = *(ulong*)(part.Data + _numberOffset);
        if (number > _expected && number < _peer!._next)
        {
            var (expected, length, address) = (_expected, _expectedLength, _expectedAddress);
            (_expected, _expectedLength, _expectedAddress) = (number, (int)(number % (ulong)_lengths.Length), (int)(number % (ulong)_addresses));
            if (IsExpected(frame))
            {
                _lost += number - expected;
                return true;
            }
            (_expected, _expectedLength, _expectedAddress) = (expected, length, address);
        }
        _changed++;
        // The one that was due has come, even if not as it was sent.
        if (number == _expected) ExpectNext();
        return false;
    }

    private void Hear(int address)
    {
        if ((uint)address >= (uint)_addresses || _heard[address]) return;
        _heard[address] = true;
        if (First.Heard == 0) First = First with { Heard = Stopwatch.GetTimestamp() };
        Volatile.Write(ref _heardCount, _heardCount + 1);
    }

    // From each address in turn, so that the switch learns it; to one that it knows, so that other ports do not get it.
    private bool Greet()
    {
        long now = Stopwatch.GetTimestamp();
        if (now - _greetAt < HelloInterval) return false;
        _greetAt = now;
        if (First.Sent == 0) First = First with { Sent = now };
        int count = _port.Borrow(_out.AsSpan(0, _heard[0] ? ReceivedAtOnce : 1));
        for (int i = 0; i < count; i++)
        {
            var (first, second) = Header(_heard[0] ? _peerMac : MacAddress.Broadcast, _mac, HelloType);
            new Span<byte>(_out[i].Data, HelloLength).Clear();
            Write(_out[i].Data, first, second + ((ulong)_greeting << FromShift));
            _out[i].Length = HelloLength;
            if (_heard[0] && ++_greeting == _addresses) _greeting = 0;
        }
        if (count != 0) _port.Transmit(_out.AsSpan(0, count));
        return true;
    }

    // Without this a switch that loses a whole window would end the measurement.
    private void LookForStall()
    {
        if (++_denied % LooksBeforeClock != 0) return;
        long now = Stopwatch.GetTimestamp();
        ulong arrived = Math.Max(_peer!._expected, _givenUp);
        if (arrived != _progress) (_progress, _progressAt) = (arrived, now);
        else if (now - _progressAt > Stall) (_givenUp, _progressAt) = (_next, now);
    }

    // Who had more to send than a burst, and why.
    private enum Behind
    {
        Not,

        /// <summary>Its window was full when it fell behind.</summary>
        WithTheSwitch,

        /// <summary>It came round too late, or is too slow.</summary>
        ByItself,
    }
}
