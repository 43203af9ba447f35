using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;

namespace VhostSwitch.Vhost.Tests.Net;

/// <summary>As <see cref="RingRig"/>, with a packed ring: the same memory, the driver's pen, a queue without any thread.</summary>
internal sealed unsafe class PackedRig : IDisposable
{
    public const Features Packed = Features.Version1 | Features.RingPacked;

    private readonly CounterBlock _counters = new();
    private ulong _next = RingRig.HighStart;

    public PackedRig(Features features = Packed, int size = 256, ulong start = 0)
    {
        Features = features;
        Memory.Add(RingRig.LowStart, RingRig.RegionLength);
        Memory.Add(RingRig.Boundary, RingRig.RegionLength);
        Memory.Add(RingRig.HighStart, RingRig.HighEnd - RingRig.HighStart);
        Ring = new PackedDriverModel(Memory, size, (features & Features.InOrder) != 0, start);
    }

    public Features Features { get; }

    public GuestMemoryMap Memory { get; } = new("packed-rig");

    public PackedDriverModel Ring { get; }

    public Burst Burst { get; } = new();

    public FileDescriptor Call { get; } = EventFd.Create();

    public ulong Calls => EventFd.Drain(Call.Number);

    public QueueCounters* Counters => _counters.Counters;

    public DequeueQueue<PackedDeviceRing, RegionCache, NoLog> Dequeue() => new(Device, Space, default, Setup(1), true, _counters);

    public EnqueueQueue<PackedDeviceRing, RegionCache, NoLog, VectorCopy> Enqueue() => new(Device, Space, default, Setup(0), _counters);

    private PackedDeviceRing Device => Ring.Device((Features & Features.EventIdx) != 0);

    private RegionCache Space => new(Memory.Table);

    public ulong Allocate(ulong length)
    {
        _next = (_next + 63) & ~63UL;
        ulong address = _next;
        _next += length;
        return address;
    }

    public ulong Put(ReadOnlySpan<byte> bytes)
    {
        ulong address = Allocate((ulong)bytes.Length);
        Memory.Write(address, bytes);
        return address;
    }

    /// <summary>Writes one entry of an indirect table as a packed ring has them: flags behind an id that means nothing.</summary>
    public void DescribeIndirect(ulong table, int index, ulong address, uint length, ushort flags = 0)
    {
        var entry = new PackedDescriptor { Address = address, Length = length, Id = 0xbeef, Flags = flags };
        Memory.Write(table + ((ulong)index * 16), new ReadOnlySpan<byte>(&entry, 16));
    }

    /// <summary>A frame behind an empty header, set aside in the guest's memory.</summary>
    public ulong PutFrame(byte[] frame) => Put([.. new byte[12], .. frame]);

    /// <summary>Lends a frame from other memory of the guest and sends it.</summary>
    /// <returns>How many frames were handled.</returns>
    public int Send(OutputQueue queue, params byte[][] frames)
    {
        Burst.Count = 0;
        foreach (byte[] frame in frames)
            Loan.Add(Burst, default, ((nuint)Memory.At(Put(frame)), (uint)frame.Length));
        var which = stackalloc ushort[Burst.MaxFrames];
        for (int i = 0; i < frames.Length; i++)
            which[i] = (ushort)i;
        return queue.Send(Burst, which, frames.Length);
    }

    public static byte[] Frame(ulong number, int length = 60) =>
        NumberedFrame.Make(new MacAddress(2), new MacAddress(4), number, Math.Max(length, NumberedFrame.MinLength))[..length];

    public void Dispose()
    {
        Assert.True(Memory.GuardsAreIntact, "something was written outside the guest's memory");
        Memory.Dispose();
        Burst.Dispose();
        Call.Dispose();
        _counters.Dispose();
    }

    private GuestQueueSetup Setup(int ring) => new(Features, Memory.Table, ring, Ring.Size, Ring.First.Value, Call.Number, -1);
}
