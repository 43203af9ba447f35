using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Vhost.Inflight;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Vhost.Net;

/// <summary>Makes the queues of a device's rings, of the kind that was negotiated.</summary>
public abstract class GuestQueueFactory
{
    /// <summary>The queues as the switch uses them.</summary>
    public static readonly GuestQueueFactory Default = new Of<VectorCopy>();

    /// <summary>Makes the input of a transmit ring.</summary>
    /// <param name="device">The device.</param>
    /// <param name="ring">A ring that may run.</param>
    /// <param name="counters">Where to count.</param>
    public abstract InputQueue Dequeue(Device device, Vring ring, CounterBlock counters);

    /// <summary>Makes the output of a receive ring.</summary>
    /// <param name="device">The device.</param>
    /// <param name="ring">A ring that may run and is enabled.</param>
    /// <param name="counters">Where to count.</param>
    public abstract OutputQueue Enqueue(Device device, Vring ring, CounterBlock counters);

    /// <summary>Makes queues that copy in another way: for tests that must see a wrong copy be noticed.</summary>
    /// <typeparam name="TCopy">How bytes are copied.</typeparam>
    public sealed unsafe class Of<TCopy> : GuestQueueFactory
        where TCopy : struct, IFrameCopy
    {
        /// <inheritdoc/>
        public override InputQueue Dequeue(Device device, Vring ring, CounterBlock counters) =>
            Build<InputQueue, DequeueMaker>(device, ring, new DequeueMaker(ring.Enabled, counters));

        /// <inheritdoc/>
        public override OutputQueue Enqueue(Device device, Vring ring, CounterBlock counters) =>
            Build<OutputQueue, EnqueueMaker>(device, ring, new EnqueueMaker(counters));

        // Each kind of ring, address space and log is a type argument of the queue: chosen here, once, and compiled in.
        private static TQueue Build<TQueue, TMaker>(Device device, Vring ring, TMaker maker)
            where TMaker : IMaker<TQueue>
        {
            var parts = ring.Parts;
            byte* noted = device.InflightPartOf(ring);
            bool inOrder = (device.Features & Virtio.Features.InOrder) != 0;
            bool eventIndex = (device.Features & Virtio.Features.EventIdx) != 0;
            if ((device.Features & Virtio.Features.RingPacked) == 0)
            {
                var split = new SplitDeviceRing(parts.Descriptors, parts.Available, parts.Used, ring.Size, (ushort)ring.Base, eventIndex);
                if (noted == null) return WithSpace<TQueue, TMaker, SplitDeviceRing>(device, ring, maker, split, split.Resynchronised);
                return WithSpace<TQueue, TMaker, InflightSplitRing>(device, ring, maker, new InflightSplitRing(split, noted, out _), resynchronised: false);
            }
            var descriptors = (PackedDescriptor*)parts.Descriptors;
            var remembered = ring.PackedBase;
            // A driver that waits for room sends nothing of which it could be told later.
            bool lost = ring.BaseIsRemembered && noted == null && PackedSkippedBuffers.GiveBack(descriptors, ring.Size, remembered) > 0;
            if (lost && ring.Call is { } call) EventFd.SignalPeer(call.Number);
            var position = ring.BaseIsRemembered ? PackedResynchronisation.Find(descriptors, ring.Size, remembered, inOrder) : remembered;
            if (noted == null) return WithSpace<TQueue, TMaker, PackedDeviceRing>(device, ring, maker, Packed(position), lost || position != remembered);
            var recovery = PackedInflightRecovery.Read(noted, descriptors, ring.Size, position);
            return WithSpace<TQueue, TMaker, InflightPackedRing>(device, ring, maker, new InflightPackedRing(Packed(recovery.Used), noted, recovery), resynchronised: false);

            PackedDeviceRing Packed(PackedPosition at) => new(parts.Descriptors, parts.Available, parts.Used, ring.Size, at, eventIndex, inOrder);
        }

        private static TQueue WithSpace<TQueue, TMaker, TRing>(Device device, Vring vring, TMaker maker, TRing ring, bool resynchronised)
            where TMaker : IMaker<TQueue>
            where TRing : struct, IDeviceRing =>
            device.HasIommu
                ? WithLog<TQueue, TMaker, TRing, IotlbSpace>(device, vring, maker, ring, new IotlbSpace(device.Iotlb!, vring.Miss ??= device.Iotlb!.NewMiss()), resynchronised)
                : WithLog<TQueue, TMaker, TRing, RegionCache>(device, vring, maker, ring, new RegionCache(device.Memory.Guest), resynchronised);

        private static TQueue WithLog<TQueue, TMaker, TRing, TSpace>(Device device, Vring vring, TMaker maker, TRing ring, TSpace space, bool resynchronised)
            where TMaker : IMaker<TQueue>
            where TRing : struct, IDeviceRing
            where TSpace : struct, IAddressSpace
        {
            var setup = GuestQueueSetup.Of(device, vring);
            if ((device.Features & Virtio.Features.LogAll) == 0 || device.Log is not { } log) return maker.Make(ring, space, default(NoLog), setup, resynchronised);
            return maker.Make(ring, space, new DirtyLogWriter(log, device, vring), setup, resynchronised);
        }

        private interface IMaker<TQueue>
        {
            TQueue Make<TRing, TSpace, TLog>(TRing ring, TSpace space, TLog log, GuestQueueSetup setup, bool resynchronised)
                where TRing : struct, IDeviceRing
                where TSpace : struct, IAddressSpace
                where TLog : struct, IWriteLog;
        }

        private readonly struct DequeueMaker(bool enabled, CounterBlock counters) : IMaker<InputQueue>
        {
            public InputQueue Make<TRing, TSpace, TLog>(TRing ring, TSpace space, TLog log, GuestQueueSetup setup, bool resynchronised)
                where TRing : struct, IDeviceRing
                where TSpace : struct, IAddressSpace
                where TLog : struct, IWriteLog =>
                new DequeueQueue<TRing, TSpace, TLog>(ring, space, log, setup, enabled, counters) { Resynchronised = resynchronised };
        }

        private readonly struct EnqueueMaker(CounterBlock counters) : IMaker<OutputQueue>
        {
            public OutputQueue Make<TRing, TSpace, TLog>(TRing ring, TSpace space, TLog log, GuestQueueSetup setup, bool resynchronised)
                where TRing : struct, IDeviceRing
                where TSpace : struct, IAddressSpace
                where TLog : struct, IWriteLog =>
                new EnqueueQueue<TRing, TSpace, TLog, TCopy>(ring, space, log, setup, counters) { Resynchronised = resynchronised };
        }
    }
}
