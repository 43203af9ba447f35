using VhostSwitch.Dataplane;
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
        public override InputQueue Dequeue(Device device, Vring ring, CounterBlock counters)
        {
            var deviceRing = Ring(device, ring);
            return new DequeueQueue<SplitDeviceRing>(deviceRing, GuestQueueSetup.Of(device, ring), ring.Enabled, counters) { Resynchronised = deviceRing.Resynchronised };
        }

        /// <inheritdoc/>
        public override OutputQueue Enqueue(Device device, Vring ring, CounterBlock counters)
        {
            var deviceRing = Ring(device, ring);
            return new EnqueueQueue<SplitDeviceRing, TCopy>(deviceRing, GuestQueueSetup.Of(device, ring), counters) { Resynchronised = deviceRing.Resynchronised };
        }

        private static SplitDeviceRing Ring(Device device, Vring ring)
        {
            if (ring.Addresses is not { } addresses || !RingParts.TryTranslate(device.Memory.Guest, addresses, ring.Size, out var parts))
                throw new InvalidOperationException($"ring {ring.Index} of device {device.Id} was said to run but has no memory");
            return new SplitDeviceRing(parts.Descriptors, parts.Available, parts.Used, ring.Size, ring.Base, (device.Features & Virtio.Features.EventIdx) != 0);
        }
    }
}
