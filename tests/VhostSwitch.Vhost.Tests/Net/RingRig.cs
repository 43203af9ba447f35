using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Vhost.Tests.Net;

/// <summary>
/// One ring of a guest with the queue that works on it, without any thread: memory in two regions that adjoin for the guest
/// and one behind a gap, the driver's pen, and the counters.
/// </summary>
internal sealed unsafe class RingRig : IDisposable
{
    public const ulong LowStart = 0x80_0000;
    public const ulong RegionLength = 0x10000;
    public const ulong Boundary = LowStart + RegionLength;
    public const ulong HighStart = 0x100_0000;
    public const ulong HighEnd = HighStart + 0x100_0000;

    private readonly CounterBlock _counters = new();

    public RingRig(Features features = Features.Version1, int size = 256, int ring = 1, ushort first = 0, ulong lowLength = RegionLength)
    {
        Features = features;
        Memory.Add(Boundary - lowLength, lowLength);
        Memory.Add(Boundary, RegionLength);
        Memory.Add(HighStart, HighEnd - HighStart);
        Ring = new SplitRingWriter(Memory, SplitRingPlace.In(Memory, size));
        Ring.StartAt(first);
        RingIndex = ring;
        First = first;
    }

    public Features Features { get; }

    public GuestMemoryMap Memory { get; } = new("ring-rig");

    public SplitRingWriter Ring { get; }

    public int RingIndex { get; }

    public ushort First { get; }

    public Burst Burst { get; } = new();

    public FileDescriptor Call { get; } = EventFd.Create();

    public int HeaderLength => NetHeader.LengthFor(Features);

    public ulong Calls => EventFd.Drain(Call.Number);

    public QueueCounters* Counters => _counters.Counters;

    public SplitDeviceRing DeviceRing => new(Ring.Descriptors, Ring.Available, Ring.Used, Ring.Size, First, (Features & Features.EventIdx) != 0);

    public DequeueQueue<SplitDeviceRing, RegionCache, NoLog> Dequeue(bool enabled = true) => new(DeviceRing, Space, default, Setup, enabled, _counters);

    public EnqueueQueue<SplitDeviceRing, RegionCache, NoLog, VectorCopy> Enqueue() => new(DeviceRing, Space, default, Setup, _counters);

    private RegionCache Space => new(Setup.Memory);

    private GuestQueueSetup Setup => new(Features, Memory.Table, RingIndex, Ring.Size, First, Call.Number, -1);

    /// <summary>Sets memory aside behind the gap and fills it.</summary>
    public ulong Put(ReadOnlySpan<byte> bytes)
    {
        ulong address = Allocate((ulong)bytes.Length);
        Memory.Write(address, bytes);
        return address;
    }

    public ulong Allocate(ulong length)
    {
        // Rings lie low; buffers behind the gap, so that a test that crosses regions says so itself.
        _next = (_next + 63) & ~63UL;
        ulong address = _next;
        _next += length;
        return address;
    }

    private ulong _next = HighStart;

    /// <summary>A header of zeros and a frame behind it.</summary>
    public byte[] WithHeader(ReadOnlySpan<byte> frame, NetHeader header = default)
    {
        byte[] bytes = new byte[HeaderLength + frame.Length];
        new ReadOnlySpan<byte>(&header, HeaderLength).CopyTo(bytes);
        frame.CopyTo(bytes.AsSpan(HeaderLength));
        return bytes;
    }

    public void Dispose()
    {
        Assert.True(Memory.GuardsAreIntact, "something was written outside the guest's memory");
        Memory.Dispose();
        Burst.Dispose();
        Call.Dispose();
        _counters.Dispose();
    }
}
