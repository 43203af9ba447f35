using System.Buffers.Binary;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Vhost.Tests.Net;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.Vhost.Tests.Inflight;

/// <summary>The way inflight memory goes: a back-end makes it, the front-end keeps its descriptor, the next back-end gets it.</summary>
public sealed unsafe class InflightMessageTests
{
    [Fact]
    public void WhatOneBackEndHadTakenTheNextTakesFirst()
    {
        using var rig = new DeviceRig();
        using var first = Connect(out var device);
        var ring = rig.Guest.Transmit;
        var handler = new RequestHandler(device, _ => throw new VhostException("no socket here"));
        byte[] answer = handler.Handle(FrontEndRequest.GetInflightFd, Shape(0, 0, 2, ring.Size), []).ToArray();
        Assert.Equal(Shape(2 * 4160, 0, 2, 256), answer);
        using var kept = Received(handler.ReplyDescriptor!.Value);
        Start(device, rig);
        ulong at = rig.Guest.Memory.Allocate(256);
        rig.Guest.Memory.Write(at, [.. new byte[12], .. PackedRig.Frame(1)]);
        for (ushort i = 0; i < 3; i++)
        {
            ring.Describe(i, at, 72);
            ring.Offer(i);
        }
        // It died with the second one taken, as another back-end notes it.
        byte* part = device.InflightPartOf(device.Rings.First(r => r.Index == 1));
        part[16 + 16] = 1;
        // Its front-end remembers nothing of this.
        using var second = Connect(out var next);
        var other = new RequestHandler(next, _ => throw new VhostException("no socket here"));
        other.Handle(FrontEndRequest.SetInflightFd, answer, [kept]);
        Start(next, rig);
        using var burst = new Dataplane.Burst();
        for (int i = 0; i < 3; i++)
        {
            second.Input!.Receive(burst);
            second.Input.Return(burst);
        }
        Assert.Equal([1u, 1u, 2u], Enumerable.Range(0, ring.UsedIndex).Select(i => ring.UsedAt(i).Id));
    }

    [Theory]
    [InlineData(0, 256)]
    [InlineData(5, 256)]
    [InlineData(65535, 256)]
    [InlineData(2, 0)]
    [InlineData(2, 100)]
    [InlineData(2, 65535)]
    public void Cve20213839NumbersThatCannotBeAreRefused(int queues, int size)
    {
        using var owner = Connect(out var device);
        var handler = new RequestHandler(device, _ => throw new VhostException("no socket here"));
        Assert.Throws<VhostException>(() => handler.Handle(FrontEndRequest.GetInflightFd, Shape(0, 0, queues, size), []).ToArray());
        using var file = SharedMemory.Create("inflight", 1 << 20);
        Assert.Throws<VhostException>(() => handler.Handle(FrontEndRequest.SetInflightFd, Shape(1 << 20, 0, queues, size), [file]).ToArray());
    }

    [Theory]
    [InlineData(8319UL, 0UL)]
    [InlineData(8320UL, 4UL)]
    [InlineData(8320UL, 8UL)]
    [InlineData(ulong.MaxValue, 8192UL)]
    [InlineData(8320UL, ulong.MaxValue - 4095)]
    public void AnAreaThatIsNotInItsFileIsRefused(ulong length, ulong offset)
    {
        using var owner = Connect(out var device);
        var handler = new RequestHandler(device, _ => throw new VhostException("no socket here"));
        using var file = SharedMemory.Create("inflight", 8320);
        Assert.Throws<VhostException>(() => handler.Handle(FrontEndRequest.SetInflightFd, Shape(length, offset, 2, 256), [file]).ToArray());
        handler.Handle(FrontEndRequest.SetInflightFd, Shape(8320, 0, 2, 256), [file]);
    }

    // What came over a socket has a number of its own.
    private static FileDescriptor Received(int number)
    {
        var handle = File.OpenHandle($"/proc/self/fd/{number}", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var descriptor = new FileDescriptor((int)handle.DangerousGetHandle());
        handle.SetHandleAsInvalid();
        return descriptor;
    }

    private static byte[] Shape(ulong length, ulong offset, int queues, int size)
    {
        byte[] payload = new byte[24];
        BinaryPrimitives.WriteUInt64LittleEndian(payload, length);
        BinaryPrimitives.WriteUInt64LittleEndian(payload.AsSpan(8), offset);
        BinaryPrimitives.WriteUInt16LittleEndian(payload.AsSpan(16), (ushort)queues);
        BinaryPrimitives.WriteUInt16LittleEndian(payload.AsSpan(18), (ushort)size);
        return payload;
    }

    private static QueueOwner Connect(out Device device)
    {
        var owner = new QueueOwner();
        device = owner.Device;
        device.SetProtocolFeatures(DeviceOptions.BasicProtocolFeatures);
        device.SetFeatures(DeviceRig.Ordinary);
        return owner;
    }

    private static void Start(Device device, DeviceRig rig)
    {
        var ring = rig.Guest.Transmit;
        device.SetMemory(rig.Table());
        device.SetRingSize(1, (uint)ring.Size);
        device.SetRingBase(1, 0);
        device.SetRingAddresses(1, ring.Place.FrontEndAddresses);
        device.SetRingKick(1, null);
        device.SetRingEnabled(1, 1);
    }

    private sealed class QueueOwner : IDeviceEvents, IDisposable
    {
        private readonly Dataplane.CounterBlock _counters = new();

        public QueueOwner() => Device = new Device(0, new DeviceOptions(DeviceOptions.BasicFeatures, DeviceOptions.BasicProtocolFeatures, 2), this);

        public Device Device { get; }

        public Dataplane.InputQueue? Input { get; private set; }

        public void RingRunning(Device device, Vring ring) => Input = GuestQueueFactory.Default.Dequeue(device, ring, _counters);

        public void RingStopping(Device device, Vring ring) => device.RingStoppedAt(ring, ((IGuestQueue)Input!).Base);

        public void RingEnabledChanged(Device device, Vring ring)
        {
            RingStopping(device, ring);
            RingRunning(device, ring);
        }

        public void RingCallChanged(Device device, Vring ring)
        {
            // Nobody is called.
        }

        public void TranslationsChanged(Device device)
        {
            // There is no IOMMU.
        }

        public void Announce(Device device, ulong mac)
        {
            // Nobody moves.
        }

        public void Dispose()
        {
            Device.Dispose();
            _counters.Dispose();
        }
    }
}
