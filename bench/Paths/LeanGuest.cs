using System.Diagnostics;
using VhostSwitch.Packets;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Bench.Paths;

/// <summary>What lean guests send.</summary>
/// <param name="FramesPerSecond">By each that sends: open loop, due by the clock whatever arrives; null for as many as the window allows.</param>
/// <param name="SecondSends">Whether the second guest sends too.</param>
/// <param name="Latencies">Where the way of each frame is written down, from when it was due until it was found; null for nowhere.</param>
/// <param name="CountFrom">Frames due before this do not count; a time of <see cref="Stopwatch"/>.</param>
internal sealed record Traffic(double? FramesPerSecond, bool SecondSends = true, LatencyHistogram? Latencies = null, long CountFrom = 0)
{
    /// <summary>No frames.</summary>
    public static Traffic None { get; } = new(0);
}

/// <summary>
/// One of two guests that exchange numbered frames: the load generator of the benchmarks, on a driver's queues without anything between. Number,
/// addresses and length of every frame are checked, each 1024th byte for byte. One thread polls both guests.
/// </summary>
internal sealed unsafe class LeanGuest : IDisposable
{
    /// <summary>The largest burst.</summary>
    public const int LargestBurst = 128;

    private const int ReceivedAtOnce = 32;
    private const int VerifyEvery = 1024;

    // Behind the header: the frame's number, when it was due, and a pattern in those that are checked byte for byte.
    private const int NumberOffset = Ethernet.HeaderLength, DueOffset = NumberOffset + sizeof(ulong), PatternOffset = DueOffset + sizeof(long);

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
    private readonly ulong _outFirst, _outSecond, _inFirst, _inSecond;
    private readonly int[] _lengths;
    private readonly int _addresses;
    private readonly int _window;
    private readonly int _burst;
    private readonly bool[] _heard;

    private LeanGuest? _peer;
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
    private ulong _received, _lost, _changed;

    /// <summary>Connects.</summary>
    /// <param name="socket">The switch's socket.</param>
    /// <param name="mac">The first of its addresses, which ends with two bytes of 0.</param>
    /// <param name="peer">The other guest's.</param>
    /// <param name="settings">The case.</param>
    /// <exception cref="NotSupportedException">The switch does not offer what is to be measured.</exception>
    public LeanGuest(string socket, MacAddress mac, MacAddress peer, Settings settings)
    {
        (_mac, _peerMac) = (mac, peer);
        (_outFirst, _outSecond) = Header(peer, mac, NumberedType);
        (_inFirst, _inSecond) = Header(mac, peer, NumberedType);
        _lengths = [.. settings.Frames.Lengths];
        _addresses = settings.Addresses;
        _window = settings.Window;
        _burst = settings.Burst;
        _heard = new bool[_addresses];
        _port = new VirtioUserPort(new VirtioUserOptions { Path = socket, Mac = mac, MemoryRegions = 2, Features = settings.Features });
        try
        {
            _port.Start();
            // A contender that does not offer the ring would be measured with another one.
            if ((settings.Features & ~_port.Features) is not Virtio.Features.None and var missing)
                throw new NotSupportedException($"{string.Join(", ", Virtio.FeatureNames.Of(missing))} is not offered at {socket}");
        }
        catch
        {
            _port.Dispose();
            throw;
        }
    }

    /// <summary>True once it has heard each address of the other guest, so that a switch knows them.</summary>
    public bool KnowsPeer => Volatile.Read(ref _heardCount) == _addresses;

    /// <summary>Frames that arrived as they were sent.</summary>
    public ulong Received => Volatile.Read(ref _received);

    /// <summary>Frames of the other guest that did not arrive.</summary>
    public ulong Lost => Volatile.Read(ref _lost);

    /// <summary>Frames with a wrong byte or length, or behind their successors.</summary>
    public ulong Changed => Volatile.Read(ref _changed);

    /// <summary>True when all that the other guest sent has arrived or is given up.</summary>
    public bool HasAll => Volatile.Read(ref _expected) >= Volatile.Read(ref _peer!._next);

    /// <summary>Gives it the other guest. Before it is polled.</summary>
    public void Meet(LeanGuest peer) => _peer = peer;

    /// <summary>Sends something else from now on. The polling thread.</summary>
    public void Begin(Traffic traffic, bool sends)
    {
        (_traffic, _sends) = (traffic, sends);
        (_pacedFrom, _pacedNumber) = (Stopwatch.GetTimestamp(), _next);
    }

    /// <summary>Receives a burst and sends one. The polling thread.</summary>
    /// <returns>False when there was nothing to do.</returns>
    public bool Poll()
    {
        bool worked = Receive();
        if (!KnowsPeer || !_peer!.KnowsPeer) return worked | Greet();
        if (!_sends) return worked;
        return worked | (_traffic.FramesPerSecond is { } rate ? SendDue(rate) : SendWindow());
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

    private bool SendWindow()
    {
        ulong arrived = Math.Max(_peer!._expected, _givenUp);
        long credit = _window - (long)(_next - arrived);
        // A few frames at a time would cost as much as a burst.
        if (credit >= Math.Min(_window, _burst)) return Send((int)Math.Min(credit, _burst), 0, 0) != 0;
        if (++_denied % LooksBeforeClock == 0) LookForStall(arrived);
        return false;
    }

    private bool SendDue(double rate)
    {
        if (rate == 0) return false;
        double interval = Stopwatch.Frequency / rate;
        long sent = (long)(_next - _pacedNumber);
        // The first is due at once.
        long due = (long)((Stopwatch.GetTimestamp() - _pacedFrom) / interval) + 1 - sent;
        return due > 0 && Send((int)Math.Min(due, _burst), _pacedFrom + (long)(sent * interval), interval) != 0;
    }

    private int Send(int wanted, double due, double interval)
    {
        Span<FramePart> parts = stackalloc FramePart[LargestBurst];
        int count = _port.Borrow(parts[..wanted]);
        for (int i = 0; i < count; i++)
        {
            ref var part = ref parts[i];
            Write(part.Data, _outFirst + ((ulong)_nextAddress << ToShift), _outSecond + ((ulong)_nextAddress << FromShift), _next);
            *(long*)(part.Data + DueOffset) = (long)(due + (i * interval));
            part.Length = _lengths[_nextLength];
            if (_next % VerifyEvery == 0) Fill(part, _next);
            Volatile.Write(ref _next, _next + 1);
            if (++_nextLength == _lengths.Length) _nextLength = 0;
            if (++_nextAddress == _addresses) _nextAddress = 0;
        }
        // A ring has as many entries as there are buffers.
        if (count != 0 && _port.Transmit(parts[..count]) != count && _port.Link == LinkState.Up)
            throw new InvalidOperationException("a buffer was free, and the ring had no entry for it");
        return count;
    }

    private static void Write(byte* frame, ulong first, ulong second, ulong number)
    {
        *(ulong*)frame = first;
        *(ulong*)(frame + sizeof(ulong)) = second;
        *(ulong*)(frame + NumberOffset) = number;
    }

    private static void Fill(in FramePart part, ulong number)
    {
        for (int at = PatternOffset; at < part.Length; at++) part.Data[at] = PatternAt(number, at);
    }

    private static bool IsFilled(in FramePart part, ulong number)
    {
        for (int at = PatternOffset; at < part.Length; at++)
        {
            if (part.Data[at] != PatternAt(number, at)) return false;
        }
        return true;
    }

    private static byte PatternAt(ulong number, int at) => (byte)(((number + (ulong)at) * Multiplier) >> 56);

    private bool Receive()
    {
        Span<FramePart> parts = stackalloc FramePart[ReceivedAtOnce];
        int count = _port.Receive(parts);
        if (count == 0) return false;
        var latencies = _traffic.Latencies;
        long now = latencies is null ? 0 : Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++)
        {
            ref readonly var part = ref parts[i];
            if (!IsExpected(part) && !Resume(part)) continue;
            _received++;
            ExpectNext();
            if (latencies is null) continue;
            long due = *(long*)(part.Data + DueOffset);
            if (due >= _traffic.CountFrom) latencies.Add(now - due);
        }
        _port.Release(parts[..count]);
        return true;
    }

    private void ExpectNext()
    {
        _expected++;
        if (++_expectedLength == _lengths.Length) _expectedLength = 0;
        if (++_expectedAddress == _addresses) _expectedAddress = 0;
    }

    private bool IsExpected(in FramePart part) =>
        part.Length == _lengths[_expectedLength] && !part.More
        && *(ulong*)part.Data == _inFirst + ((ulong)_expectedAddress << ToShift)
        && (*(ulong*)(part.Data + sizeof(ulong)) & HeaderInSecondWord) == _inSecond + ((ulong)_expectedAddress << FromShift)
        && *(ulong*)(part.Data + NumberOffset) == _expected
        && (_expected % VerifyEvery != 0 || IsFilled(part, _expected));

    // A frame other than the one that is due: true where it is a later one, and those between them are lost.
    private bool Resume(in FramePart part)
    {
        if (part.Length < PatternOffset) return false;
        ulong second = *(ulong*)(part.Data + sizeof(ulong)) & HeaderInSecondWord;
        if (second >> 32 == HelloType)
        {
            Hear((int)((second - (Header(_mac, _peerMac, HelloType).Second & HeaderInSecondWord)) >> FromShift));
            return false;
        }
        // Frames of strangers are no business of these two.
        if (second >> 32 != NumberedType) return false;
        ulong number = *(ulong*)(part.Data + NumberOffset);
        if (number > _expected && number < _peer!._next)
        {
            var (expected, length, address) = (_expected, _expectedLength, _expectedAddress);
            (_expected, _expectedLength, _expectedAddress) = (number, (int)(number % (ulong)_lengths.Length), (int)(number % (ulong)_addresses));
            if (IsExpected(part))
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
        Volatile.Write(ref _heardCount, _heardCount + 1);
    }

    // From each address in turn, so that the switch learns it; to one that it knows, so that other ports do not get it.
    private bool Greet()
    {
        long now = Stopwatch.GetTimestamp();
        if (now - _greetAt < HelloInterval) return false;
        _greetAt = now;
        Span<FramePart> parts = stackalloc FramePart[ReceivedAtOnce];
        int count = _port.Borrow(parts[..(_heard[0] ? parts.Length : 1)]);
        for (int i = 0; i < count; i++)
        {
            var (first, second) = Header(_heard[0] ? _peerMac : MacAddress.Broadcast, _mac, HelloType);
            new Span<byte>(parts[i].Data, _lengths[0]).Clear();
            Write(parts[i].Data, first, second + ((ulong)_greeting << FromShift), 0);
            parts[i].Length = _lengths[0];
            if (_heard[0] && ++_greeting == _addresses) _greeting = 0;
        }
        if (count != 0) _port.Transmit(parts[..count]);
        return true;
    }

    // Without this a switch that loses a whole window would end the measurement.
    private void LookForStall(ulong arrived)
    {
        long now = Stopwatch.GetTimestamp();
        if (arrived != _progress) (_progress, _progressAt) = (arrived, now);
        else if (now - _progressAt > Stall) (_givenUp, _progressAt) = (_next, now);
    }
}
